"""Sets Easel up on a fresh machine and starts it: `python launch.py`. Standard library only.

The first run makes .venv beside this file, picks the PyTorch build for the machine's card and installs what
pyproject.toml asks for, in the versions of .requirements.lock. A stamp in .venv tells later runs what is in place;
whatever is missing or broken is repaired.
This file must stay readable for Pythons as old as 3.6, or they could not say that they are too old.
"""

import sys

OLDEST_PYTHON = (3, 11)


def too_old(version):  # type: ignore[no-untyped-def]
    """The sentence for a Python that is too old, or "" for one that will do."""
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return ""
    wanted = ".".join(map(str, OLDEST_PYTHON))
    have = ".".join(map(str, version[:2]))
    return f"Easel needs Python {wanted} or newer; you have {have}. Install a newer one and start launch.py with that."


if too_old(sys.version_info):
    sys.exit(too_old(sys.version_info))

import contextlib
import errno
import hashlib
import http.client
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

TORCH_INDEX = "https://download.pytorch.org/whl"

HELP = """\
usage: python launch.py [flags]                 set up what is missing, start Easel, open the browser
       python launch.py --test [pytest flags]   set up what the tests need, a browser included, and run them

  --host HOST         address to listen on (127.0.0.1)
  --port PORT         port to listen on; the next free one is taken when it is in use (7860)
  --listen            listen to other machines too; needs --password
  --share             make a public link at once
  --password WORD     ask visitors for this password
  --data DIR          where pictures, database and uploads live (the folder of launch.py)
  --models DIR        a folder with models; may be given several times (models/)
  --device DEVICE     auto, cpu, cuda, cuda:N or mps; may be given several times, one worker each (auto)
  --vram GB           behave as if the card had this much memory
  --offline           never use the network
  --no-open           do not open the browser
  --log-level LEVEL   debug, info, warning or error (info)

Every flag may also be an EASEL_* variable or stand in settings.json; a flag beats a variable, a variable the file.
"""


class SetupFailed(Exception):
    """The set-up cannot go on; the text is one sentence with the way out."""


# --- Which PyTorch --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """An NVIDIA card: the driver's main version and the card's compute capability."""

    driver: int
    capability: tuple[int, int]


@dataclass(frozen=True)
class Build:
    """A build of PyTorch: its tag on the index, the cards it has kernels for, the oldest driver, its installed size."""

    tag: str
    lowest: tuple[int, int] = (0, 0)
    highest: tuple[int, int] = (99, 9)
    driver: int = 0
    gigabytes: float = 1.0

    def suits(self, card: Card) -> bool:
        return self.lowest <= card.capability <= self.highest and card.driver >= self.driver


# PyTorch's release matrix for 2.12 to 2.14: CUDA 13.0 covers Turing and newer, CUDA 12.6 covers Maxwell to Hopper. The
# drivers are NVIDIA's minimum for CUDA 13 and (by minor version compatibility) for CUDA 12. The first build that suits
# most cards is taken.
CUDA_BUILDS = (
    Build("cu130", lowest=(7, 5), driver=580, gigabytes=7.0),
    Build("cu126", lowest=(5, 0), highest=(9, 9), driver=528, gigabytes=6.5),
)
CPU_BUILD = Build("cpu")
# What the package registry itself gives when nothing is said.
REGISTRY_BUILDS = {("Linux", "x86_64"): "cu130", ("Windows", "AMD64"): "cpu", ("Darwin", "arm64"): "cpu"}


def parse_cards(report: str) -> list[Card]:
    """Reads `nvidia-smi --query-gpu=driver_version,compute_cap --format=csv,noheader`; other lines are skipped."""
    found = re.findall(r"^\s*(\d+)\.[\d.]+\s*,\s*(\d+)\.(\d+)\s*$", report, re.MULTILINE)
    return [Card(int(driver), (int(major), int(minor))) for driver, major, minor in found]


def nvidia_smi() -> str:
    """Path of NVIDIA's tool, which comes with the driver; "" when there is none."""
    beside_windows = "/usr/lib/wsl/lib/nvidia-smi"
    return shutil.which("nvidia-smi") or (beside_windows if Path(beside_windows).exists() else "")


def find_cards() -> list[Card]:
    """The NVIDIA cards of this machine whose driver answers."""
    tool = nvidia_smi()
    if not tool:
        return []
    command = [tool, "--query-gpu=driver_version,compute_cap", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return parse_cards(answer.stdout)


def choose_build(cards: Sequence[Card]) -> tuple[Build, str]:
    """The build for these cards, and a sentence for the person when a card must stay idle ("" otherwise)."""
    idle = "so pictures are drawn by the processor"
    if not cards:
        return CPU_BUILD, ""
    best = max(CUDA_BUILDS, key=lambda build: sum(build.suits(card) for card in cards))
    if any(best.suits(card) for card in cards):
        return best, ""
    card = cards[0]
    wanted = next((build for build in CUDA_BUILDS if build.lowest <= card.capability <= build.highest), None)
    if wanted is None:
        return CPU_BUILD, f"Your NVIDIA card is older than what PyTorch supports, {idle}."
    return CPU_BUILD, f"Your NVIDIA driver {card.driver} is too old, {idle} until you install {wanted.driver} or newer."


def torch_sources(version: str, build: Build, system: str, machine: str) -> list[tuple[str, str]]:
    """(requirement, index address or "" for the registry) in the order to try; the registry always works."""
    plain = (f"torch=={version}", "")
    if system == "Darwin" or REGISTRY_BUILDS.get((system, machine)) == build.tag:
        return [plain]
    return [(f"torch=={version}+{build.tag}", f"{TORCH_INDEX}/{build.tag}"), plain]


def torch_tag(site: Path) -> str:
    """The build of the torch that is installed ("cpu" of 2.13.0+cpu); "" for the registry's, or when there is none."""
    version = packages_in(site).get("torch", "").removesuffix(".dist-info").partition("-")[2]
    return version.partition("+")[2]


def reachable(address: str, timeout: float = 4.0) -> bool:
    """Whether a server answers there; asked before pip is, which would try for minutes."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=timeout):
            return True
    except urllib.error.HTTPError as problem:
        return problem.code < 500 and problem.code != 404
    except urllib.error.URLError as problem:
        return "CERTIFICATE" in str(problem.reason).upper()  # pip brings certificates of its own
    except (OSError, ValueError, http.client.HTTPException):  # also a proxy that is none, or speaks something else
        return False


def fingerprint() -> str:
    """Changes when the card's driver does, without asking the driver: system, processor, driver version."""
    tool, driver = nvidia_smi(), Path("/proc/driver/nvidia/version")
    parts = [platform.system(), platform.machine(), str(Path(tool).stat().st_mtime_ns) if tool else ""]
    with contextlib.suppress(OSError):
        parts.append(driver.read_text().splitlines()[0])
    return " ".join(part for part in parts if part)


# --- Words for what goes wrong --------------------------------------------------------------------

NO_NETWORK = (
    "Easel could not reach the package registry to install what it needs; connect to the internet "
    "(behind a proxy, set HTTPS_PROXY) and start launch.py again."
)
NO_SPACE = "The disk is full: Easel needs about {gigabytes:g} GB in {venv}; free some space and start launch.py again."
NO_INTEL_MAC = (
    "PyTorch is not made for Macs with Intel processors any more; "
    "on a newer Mac, install a Python for Apple silicon and start launch.py with that."
)
AGAIN = "start launch.py again."
# (what the log says, the sentence); the first that matches counts.
REASONS = (
    (r"No space left|Errno 2[78]\b|Errno 122\b|os error (28|112|122)\b|File too large|Disk quota", NO_SPACE),
    (
        r"ensurepip is (not\s+available|disabled)|No module named '?(venv|ensurepip)",
        "This Python cannot make virtual environments; "
        f"on Debian or Ubuntu run `sudo apt install python{{python}}-venv` and {AGAIN}",
    ),
    (
        r"Permission denied|Errno (1|13|30)\b|Read-only file system|os error (13|30)\b|Access is denied|WinError 5\b",
        f"Easel may not write in {{venv}}; move it to where you may write, close other Easels there, and {AGAIN}",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|invalid peer certificate|SSLCertVerificationError",
        "No secure connection could be made; check the computer's clock and, "
        "if your network has a certificate of its own, set PIP_CERT to its file.",
    ),
    (
        r"Missing dependencies for SOCKS",
        f"pip cannot use a SOCKS proxy; set HTTPS_PROXY to a proxy of another kind or unset ALL_PROXY, and {AGAIN}",
    ),
    (
        r"NewConnectionError|Failed to establish a new connection|ConnectTimeout|ReadTimeout|ProxyError|name resolution"
        r"|getaddrinfo failed|Max retries exceeded|connection broken|Connection(Reset|Refused)Error"
        r"|[Cc]onnection refused|error sending request|dns error|tcp connect error",
        NO_NETWORK,
    ),
    (
        r"No matching distribution found for torch\b",
        "There is no PyTorch for Python {python} on this machine ({machine}); "
        "install a 64-bit Python 3.12 or 3.13 and start launch.py with that.",
    ),
    (r"DLL load failed", f"Windows lacks Microsoft's Visual C++ Redistributable; install it and {AGAIN}"),
    # A library of PyTorch's own that is missing is no matter of the system: installing anew brings it.
    (
        r"\blib(?!cu|nv|torch|c10)[\w.+-]+: cannot open shared object",
        f"A system library is missing ({{last}}); install it and {AGAIN}",
    ),
    (r"MemoryError|\bKilled\b", f"The machine ran out of memory while installing; close other programs and {AGAIN}"),
)


def known_reason(report: str) -> str:
    """The sentence, with gaps, for what an installer or Python printed; "" when nothing there is known."""
    return next((sentence for pattern, sentence in REASONS if re.search(pattern, report)), "")


def explain(report: str, venv: Path, gigabytes: float = 3.0) -> str:
    """One sentence with the way out for what an installer or Python printed."""
    last = next((line.strip() for line in reversed(report.splitlines()) if line.strip()), "it said nothing")
    facts = {
        "venv": venv,
        "gigabytes": gigabytes,
        "python": "%d.%d" % sys.version_info[:2],
        "machine": f"{platform.system()} {platform.machine()}",
        "last": last[:200],
    }
    sentence = known_reason(report)
    if sentence:
        return sentence.format(**facts)
    return f"Setting Easel up failed ({last[:200]}); look into {venv / 'install.log'}, or delete {venv} and {AGAIN}"


# --- Telling how far it is ------------------------------------------------------------------------


def packages_in(site: Path) -> dict[str, str]:
    """Installed packages in a site-packages folder: name in lower case -> name of its .dist-info folder."""
    try:
        names = [entry.name for entry in os.scandir(site) if entry.name.endswith(".dist-info")]
    except OSError:
        return {}
    # pip sets a ~ before what it is about to remove
    return {name.split("-")[0].lower(): name for name in names if not name.startswith("~")}


def changed(path: Path) -> float:
    """When it was last written; 0 when it has just gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


@dataclass
class Teller:
    """One line that says what is being done: rewritten in place on a terminal, a new line now and then elsewhere."""

    title: str
    site: Path
    out: IO[str] = field(default_factory=lambda: sys.stdout)
    seconds_between: float = 20.0
    doing: str = ""
    total: int = 0
    before: frozenset[str] = frozenset()
    began: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def heard(self, line: str) -> None:
        """Takes one line that pip or uv printed."""
        found = re.match(r"\s*(?:Collecting|Downloading) ([\w.-]+?)(?:-\d\S*)?(?:[<>=!~;,\[ ]|$)", line)
        coming = re.match(r"Installing collected packages: (.+)", line)
        if found:
            size = re.search(r"\(([\d.]+ ?[kKMG]i?B)\)", line)
            self.doing = f"getting {found[1]}" + (f" ({size[1]})" if size else "")
        elif coming:
            self.before = frozenset(packages_in(self.site).values())
            self.total = len(coming[1].split(","))

    def text(self) -> str:
        """For example `Installing what Easel needs · 37 of 81 · scipy · 0:42`."""
        doing = self.doing
        if self.total:
            fresh = sorted(set(packages_in(self.site).values()) - self.before)
            doing = f"{min(len(fresh), self.total)} of {self.total}"
            newest = max(fresh, key=lambda name: changed(self.site / name), default="")
            if newest:
                doing += f" · {newest.split('-')[0]}"
        passed = int(time.monotonic() - self.began)
        return " · ".join(part for part in (self.title, doing, f"{passed // 60}:{passed % 60:02d}") if part)

    def tell(self) -> None:
        """Shows the line again; called about twice a second."""
        if self.out.isatty():
            width = shutil.get_terminal_size().columns - 1
            print("\r" + self.text()[:width].ljust(width), end="", file=self.out, flush=True)
        elif time.monotonic() - self.told >= self.seconds_between:
            self.told = time.monotonic()
            print(self.text(), file=self.out, flush=True)

    def done(self) -> None:
        self.doing, self.total = "done", 0
        ending = self.text()
        if self.out.isatty():
            ending = "\r" + ending.ljust(shutil.get_terminal_size().columns - 1)
        print(ending, file=self.out, flush=True)


def run_telling(command: Sequence[str], log: Path, teller: Teller, environment: Mapping[str, str]) -> tuple[int, str]:
    """Runs a command, keeps what it prints in the log, tells progress. Gives the exit code and what it printed."""
    printed: list[str] = []

    def listen(stream: IO[str]) -> None:
        with log.open("a", encoding="utf-8", errors="replace") as kept:
            kept.write(f"\n$ {' '.join(command)}\n")
            for line in stream:
                printed.append(line)
                kept.write(line)
                kept.flush()
                teller.heard(line)

    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=dict(environment),
        )
    except OSError as problem:
        return 1, str(problem)
    assert process.stdout is not None
    listener = threading.Thread(target=listen, args=(process.stdout,), daemon=True)
    listener.start()
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.4)
                break
            teller.tell()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    listener.join(timeout=5)
    return process.returncode, "".join(printed)


# --- The environment ------------------------------------------------------------------------------


TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


def take(handle: IO[bytes]) -> bool:
    """Locks an open file for this process, until it is closed; False when another one has it.

    Where the disk knows no locks (some network disks) nobody else can be seen, and waiting would never end.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        return problem.errno not in TAKEN
    return True


@contextlib.contextmanager
def only_one(lock: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Holds a file lock, so that two first starts do not install into each other."""
    with lock.open("a+b") as handle:
        if not take(handle):
            waiting()
            while not take(handle):
                time.sleep(0.2)
        yield


@dataclass(frozen=True)
class Wanted:
    """What has to be installed: requirements, constraints, modules to try, version of torch ("" when none is asked)."""

    requirements: tuple[str, ...]
    constraints: str
    imports: tuple[str, ...]
    torch: str
    extras: tuple[str, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps([self.requirements, self.constraints]).encode()).hexdigest()


def read_wanted(home: Path, extras: Sequence[str]) -> Wanted:
    """Reads pyproject.toml and .requirements.lock beside launch.py."""
    try:
        project = tomllib.loads((home / "pyproject.toml").read_text(encoding="utf-8"))
        lock = home / ".requirements.lock"
        constraints = lock.read_text(encoding="utf-8") if lock.exists() else ""
        optional = project["project"].get("optional-dependencies", {})
        requirements = list(project["project"]["dependencies"])
        for extra in extras:
            requirements += optional.get(extra, [])
    except (OSError, KeyError, tomllib.TOMLDecodeError) as problem:
        raise SetupFailed(f"pyproject.toml in {home} cannot be read ({problem}); clone Easel again.") from problem
    needs_torch = any(re.match(r"torch\b(?!-)", requirement) for requirement in requirements)
    pinned = re.search(r"^torch==([\w.]+)", constraints, re.MULTILINE)
    imports = project.get("tool", {}).get("easel", {}).get("imports", [])
    return Wanted(
        tuple(requirements), constraints, tuple(imports), pinned[1] if needs_torch and pinned else "", tuple(extras)
    )


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would make Python or pip work elsewhere than in .venv."""
    elsewhere = {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in environ.items() if name not in elsewhere}
    kept |= {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_REQUIRE_VIRTUALENV": "0"}
    kept |= {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
    if "PIP_CERT" in kept:
        kept.setdefault("SSL_CERT_FILE", kept["PIP_CERT"])
    return {name: proxy_setting(name.lower(), value) for name, value in kept.items()}


def proxy_setting(name: str, value: str) -> str:
    """A variable as httpx can read it: desktops write what makes it, and so Gradio, fail when imported."""
    if name.endswith("_proxy") and value.startswith("socks://"):
        return "socks5" + value.removeprefix("socks")
    if name == "no_proxy":
        # Not [::1] and not fe80::/10: only a plain address of IPv6.
        entries = (entry.strip() for entry in value.split(","))
        return ",".join(e for e in entries if not e.startswith("[") and not (e.count(":") > 1 and "/" in e))
    return value


@dataclass
class Setup:
    """The .venv beside launch.py, and what is known of it."""

    home: Path
    environ: Mapping[str, str]
    out: IO[str] = field(default_factory=lambda: sys.stdout)

    @property
    def venv(self) -> Path:
        return self.home / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def site(self) -> Path:
        if os.name == "nt":
            return self.venv / "Lib" / "site-packages"
        # Of the Python that made .venv, which need not be the one that runs this.
        made = sorted((self.venv / "lib").glob("python3*/site-packages"))
        return made[-1] if made else self.venv / "lib/python3/site-packages"

    @property
    def stamp(self) -> Path:
        return self.venv / "easel.json"

    @property
    def log(self) -> Path:
        return self.venv / "install.log"

    def say(self, sentence: str) -> None:
        print(sentence, file=self.out, flush=True)

    def ready(self, extras: Sequence[str]) -> None:
        """Makes .venv hold what is wanted; quick when it does already. Raises SetupFailed."""
        wanted = read_wanted(self.home, extras)
        if self.in_place(wanted):
            return
        try:
            self.venv.mkdir(exist_ok=True)
            waiting = "Another Easel is being set up here; waiting for it."
            with only_one(self.venv / "easel.lock", lambda: self.say(waiting)):
                if not self.in_place(wanted):
                    self.log.write_text("", encoding="utf-8")
                    self.install(wanted)
        except OSError as problem:
            raise SetupFailed(explain(str(problem), self.venv)) from problem

    def in_place(self, wanted: Wanted) -> bool:
        """Whether the stamp tells of these wishes and this machine, no package vanished, and .venv's Python runs."""
        known = self.read_stamp()
        if wanted.digest not in known.get("digests", []) or known.get("machine") != fingerprint():
            return False
        if not set(known.get("packages", ["?"])) <= set(packages_in(self.site)):
            return False
        return self.sound()

    def sound(self) -> bool:
        """Whether .venv's Python runs, is new enough, and sees the packages (a system upgrade may change it)."""
        old = f"sys.version_info < {OLDEST_PYTHON}"
        blind = f"os.path.normcase({str(self.site)!r}) not in map(os.path.normcase, sys.path)"
        return self.runs("-I", "-c", f"import os, sys; sys.exit({old} or {blind})")

    def read_stamp(self) -> dict[str, Any]:
        try:
            known = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def runs(self, *arguments: str) -> bool:
        """Whether .venv's Python starts and ends well with these."""
        command = [str(self.python), *arguments]
        try:
            return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def install(self, wanted: Wanted) -> None:
        """Installs, mends what an interrupted run left, and starts over once from an empty .venv when need be."""
        fresh = not self.stamp.exists() and not (self.site / "pip").exists()
        self.say("Setting Easel up, once; this takes a few minutes." if fresh else "Bringing Easel's .venv up to date.")
        self.stamp.unlink(missing_ok=True)
        self.mend()
        tag = self.install_all(wanted)
        report = self.trial(wanted)
        if report and not fresh and not known_reason(report):
            self.say("What was installed does not work; installing it anew.")
            self.empty()
            tag = self.install_all(wanted)
            report = self.trial(wanted)
        if report:
            raise SetupFailed(explain(report, self.venv))
        self.write_stamp(wanted, tag)

    def install_all(self, wanted: Wanted) -> str:
        if not (self.sound() and self.runs("-I", "-m", "pip", "--version")):
            self.make_venv()
        tag = self.install_torch(wanted.torch) if wanted.torch else ""
        self.install_rest(wanted)
        return tag

    def write_stamp(self, wanted: Wanted, tag: str) -> None:
        """An environment for the tests serves the app too, so both digests are remembered."""
        digests = {wanted.digest}
        if wanted.extras:
            digests.add(read_wanted(self.home, ()).digest)
        packages = packages_in(self.site)
        stamp = {
            "digests": sorted(digests),
            "machine": fingerprint(),
            "torch": tag,
            "packages": sorted(packages),
        }
        part = self.stamp.with_suffix(".part")
        part.write_text(json.dumps(stamp), encoding="utf-8")
        part.replace(self.stamp)

    def mend(self) -> None:
        """Forgets packages half installed. An installer writes INSTALLER last, but believes any .dist-info."""
        for name in packages_in(self.site).values():
            if not all((self.site / name / last).exists() for last in ("INSTALLER", "RECORD")):
                shutil.rmtree(self.site / name)

    def empty(self) -> None:
        """Removes all in .venv but the lock and the log."""
        for entry in self.venv.iterdir():
            if entry.name in {"easel.lock", "install.log"}:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def make_venv(self) -> None:
        self.empty()
        self.check_space(0.1)
        # Not sys.executable: launch.py may have been started by the very Python that is to be replaced.
        base = getattr(sys, "_base_executable", sys.executable)
        self.run("Making .venv", [base, "-m", "venv", "--without-pip", str(self.venv)])
        self.run("Putting pip into it", [str(self.python), "-I", "-m", "ensurepip", "--upgrade", "--default-pip"])
        (self.venv / ".gitignore").write_text("*\n", encoding="utf-8")

    def check_space(self, gigabytes: float) -> None:
        if shutil.disk_usage(self.venv).free < gigabytes * 1e9:
            raise SetupFailed(NO_SPACE.format(gigabytes=gigabytes, venv=self.venv))

    def install_torch(self, version: str) -> str:
        """Installs PyTorch by pip, as uv does not read pip's configuration. Gives the tag, or "registry"."""
        if (platform.system(), platform.machine()) == ("Darwin", "x86_64"):
            raise SetupFailed(NO_INTEL_MAC)
        build, note = choose_build(find_cards())
        if note:
            self.say(note)
        if "torch" not in packages_in(self.site):
            self.check_space(build.gigabytes + 2.0)
        requirements = torch_sources(version, build, platform.system(), platform.machine())
        *special, (plain, _) = requirements
        for requirement, index in special:
            if self.environ.get("PIP_NO_INDEX") or not reachable(f"{index}/torch/"):
                continue
            with contextlib.suppress(SetupFailed):
                options = ["--index-url", index, "--timeout", "30", requirement]
                self.run(f"Installing PyTorch {version} ({build.tag})", [*self.pip(), *options], build.gigabytes + 2.0)
                return build.tag
        title = f"Installing PyTorch {version}"
        if not special and build.driver and torch_tag(self.site):
            # To pip 2.13.0+cpu is a fine 2.13.0, so a card that came later would stay idle.
            self.run(title, [*self.pip(), "--force-reinstall", "--no-deps", plain], build.gigabytes + 2.0)
        self.run(title, [*self.pip(), plain], build.gigabytes + 2.0)
        if not special or torch_tag(self.site) == build.tag:
            return build.tag
        if build.driver:
            self.say(f"{TORCH_INDEX} was out of reach, so your card may stay idle; delete .venv to try once more.")
        return "registry"

    def install_rest(self, wanted: Wanted) -> None:
        """Installs all requirements, with uv when it is there, else with pip."""
        asked, held = self.venv / "requirements.txt", self.venv / "constraints.txt"
        asked.write_text("\n".join(wanted.requirements) + "\n", encoding="utf-8")
        held.write_text(wanted.constraints, encoding="utf-8")
        title, what = "Installing what Easel needs", ["-r", str(asked), "-c", str(held)]
        uv = shutil.which("uv", path=self.environ.get("PATH"))
        if uv:
            with contextlib.suppress(SetupFailed):
                self.run(title, [uv, "pip", "install", "--no-progress", "--python", str(self.python), *what])
                return
        self.run(title, [*self.pip(), *what])

    def pip(self) -> list[str]:
        # Bytecode comes with the trial import; compiling all of it would take longer than downloading it.
        return [str(self.python), "-I", "-m", "pip", "install", "--no-compile", "--progress-bar", "off"]

    def run(self, title: str, command: Sequence[str], gigabytes: float = 3.0) -> None:
        teller = Teller(title, self.site, self.out)
        if not self.out.isatty():
            self.say(title)
        code, report = run_telling(command, self.log, teller, clean_environment(self.environ))
        if code:
            if self.out.isatty():
                self.say("")
            raise SetupFailed(explain(report, self.venv, gigabytes))
        teller.done()

    def trial(self, wanted: Wanted) -> str:
        """Imports what the app will import. Gives "" when that works, else what Python said."""
        if not wanted.imports:
            return ""
        teller = Teller("Trying it out", self.site, self.out)
        program = "; ".join(f"import {module}" for module in wanted.imports)
        environment = clean_environment(self.environ) | CHILD_ENVIRONMENT
        command = [str(self.python), "-I", "-W", "ignore", "-c", program]
        code, report = run_telling(command, self.log, teller, environment)
        if code:
            return report or "Python stopped without a word"
        teller.done()
        return ""


# --- Starting -------------------------------------------------------------------------------------

# Nobody's code but ours is run, and nobody is told anything.
CHILD_ENVIRONMENT = {
    "DIFFUSERS_DISABLE_REMOTE_CODE": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
BROWSER_FILES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)


def find_browser(environ: Mapping[str, str]) -> str:
    """Path of an installed Chromium or a relative of it, "" when there is none; EASEL_CHROMIUM beats what is found."""
    chosen = environ.get("EASEL_CHROMIUM", "")
    if chosen:
        if not Path(chosen).is_file():
            raise SetupFailed(
                f"EASEL_CHROMIUM names {chosen}, which is not a file; let it name a Chromium or unset it."
            )
        return chosen
    by_name = (shutil.which(name, path=environ.get("PATH")) or "" for name in BROWSERS)
    return next((path for path in (*by_name, *BROWSER_FILES) if path and Path(path).is_file()), "")


def provide_browser(setup: Setup) -> str:
    """Path of a browser for the tests, installed when need be; "" when playwright has its own. Raises SetupFailed."""
    found = find_browser(setup.environ)
    if found:
        return found
    if shutil.which("apt-get", path=setup.environ.get("PATH")) and hasattr(os, "geteuid") and os.geteuid() == 0:
        with contextlib.suppress(SetupFailed):
            setup.run("Installing Chromium for the tests", ["sh", "-c", APT_CHROMIUM], 1.0)
            found = find_browser(setup.environ)
            if found:
                return found
    try:
        command = [str(setup.python), "-I", "-m", "playwright", "install", "chromium"]
        setup.run("Getting Chromium for the tests", command, 1.0)
    except SetupFailed as problem:
        way_out = "install Chromium or Chrome, or name one in EASEL_CHROMIUM."
        raise SetupFailed(f"The tests need a browser and none could be installed; {way_out}") from problem
    return ""


APT_CHROMIUM = "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y chromium"


def start(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Becomes the command, so that Ctrl+C and the exit code are its own. Returns on Windows only."""
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], list(command), dict(environment))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call(list(command), env=dict(environment))


def main(arguments: Sequence[str], home: Path, environ: Mapping[str, str]) -> int:
    """Sets up and starts; gives the exit code when it comes back at all."""
    testing = list(arguments[:1]) == ["--test"]
    if not testing and {"-h", "--help"} & set(arguments):
        print(HELP, end="")
        return 0
    setup = Setup(home, environ)
    environment = clean_environment(environ) | CHILD_ENVIRONMENT | {"PYTHONPATH": str(home)}
    try:
        setup.ready(("test",) if testing else ())
        if testing:
            browser = provide_browser(setup)
            if browser:
                environment["EASEL_CHROMIUM"] = browser
            environment.setdefault("HF_HUB_OFFLINE", "1")
            os.chdir(home)
            return start([str(setup.python), "-m", "pytest", *arguments[1:]], environment)
        # A folder named webui where the person happens to be must not be taken for ours.
        environment["PYTHONSAFEPATH"] = "1"
        return start([str(setup.python), "-m", "webui", *arguments], environment)
    except SetupFailed as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Start launch.py again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent, os.environ))
