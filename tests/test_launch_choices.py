"""What launch.py decides and says: the PyTorch build for a card, the sentence for a failure, the line of progress."""

from __future__ import annotations

import errno
import fcntl
import http.server
import io
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import launch
from launch import Card

VENV = Path("/home/ann/easel/.venv")


@pytest.mark.parametrize(
    ("report", "cards"),
    [
        ("580.95.05, 9.0\n", [Card(580, (9, 0))]),
        ("535.183.01, 6.1\n535.183.01, 8.6\n", [Card(535, (6, 1)), Card(535, (8, 6))]),
        ("576.52, 12.0\r\n", [Card(576, (12, 0))]),
        ("", []),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", []),
        ('Field "compute_cap" is not a valid field to query.\n', []),
    ],
)
def test_cards_are_read_from_the_drivers_tool(report: str, cards: list[Card]) -> None:
    assert launch.parse_cards(report) == cards


def test_the_tool_is_found_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\n[ \"$1\" = --query-gpu=driver_version,compute_cap ] && echo '580.95.05, 9.0'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch.find_cards() == [Card(580, (9, 0))]
    before = launch.fingerprint()
    tool.write_text(tool.read_text() + "# a new driver\n")
    assert launch.fingerprint() != before
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert launch.find_cards() == []


@pytest.mark.parametrize(
    ("cards", "tag", "note"),
    [
        ([], "cpu", ""),
        ([Card(580, (7, 5))], "cu130", ""),  # RTX 20
        ([Card(580, (8, 9))], "cu130", ""),  # RTX 40
        ([Card(590, (12, 0))], "cu130", ""),  # RTX 50
        ([Card(600, (13, 0))], "cu130", ""),  # newer than this table
        ([Card(570, (8, 6))], "cu126", ""),  # RTX 30 with a driver of CUDA 12
        ([Card(528, (8, 6))], "cu126", ""),
        ([Card(580, (6, 1))], "cu126", ""),  # GTX 10: CUDA 13 has no kernels for it
        ([Card(580, (7, 0))], "cu126", ""),  # V100
        ([Card(580, (6, 1)), Card(580, (8, 6))], "cu126", ""),
        ([Card(580, (6, 1)), Card(580, (12, 0))], "cu130", ""),
        ([Card(580, (6, 1)), Card(580, (6, 1)), Card(580, (12, 0))], "cu126", ""),
        ([Card(570, (12, 0))], "cpu", "install 580 or newer"),
        ([Card(470, (8, 6))], "cpu", "install 580 or newer"),
        ([Card(470, (6, 1))], "cpu", "install 528 or newer"),
        ([Card(470, (3, 5))], "cpu", "older than what PyTorch supports"),
    ],
)
def test_the_build_suits_card_and_driver(cards: list[Card], tag: str, note: str) -> None:
    build, said = launch.choose_build(cards)
    assert build.tag == tag
    assert note in said
    assert bool(note) == bool(said)


@pytest.mark.parametrize(
    ("tag", "system", "machine", "requirements"),
    [
        ("cpu", "Linux", "x86_64", ["torch==2.13.0+cpu", "torch==2.13.0"]),
        ("cu126", "Linux", "x86_64", ["torch==2.13.0+cu126", "torch==2.13.0"]),
        ("cu130", "Linux", "x86_64", ["torch==2.13.0"]),
        ("cu130", "Windows", "AMD64", ["torch==2.13.0+cu130", "torch==2.13.0"]),
        ("cpu", "Windows", "AMD64", ["torch==2.13.0"]),
        ("cpu", "Darwin", "arm64", ["torch==2.13.0"]),
        ("cu130", "Linux", "aarch64", ["torch==2.13.0+cu130", "torch==2.13.0"]),
    ],
)
def test_the_registry_comes_last_and_always(tag: str, system: str, machine: str, requirements: list[str]) -> None:
    sources = launch.torch_sources("2.13.0", launch.Build(tag), system, machine)
    assert [requirement for requirement, _ in sources] == requirements
    assert [index.endswith(f"/{tag}") for _, index in sources] == [True] * (len(sources) - 1) + [False]


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers 200 below /here and 404 elsewhere."""

    def do_HEAD(self) -> None:
        self.send_response(200 if self.path.startswith("/here") else 404)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_an_index_is_asked_before_it_is_used(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert launch.reachable(f"{server}/here/torch/")
    assert not launch.reachable(f"{server}/gone/torch/")
    assert not launch.reachable("http://127.0.0.1:9/torch/")


def test_a_server_that_speaks_something_else_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            caller, _ = other.accept()
            with caller:
                caller.recv(1000)
                caller.sendall(b"\x05\x00hello\r\n")

        threading.Thread(target=answer, daemon=True).start()
        monkeypatch.setenv("no_proxy", "*")
        assert not launch.reachable(f"http://127.0.0.1:{other.getsockname()[1]}/torch/")


def test_a_proxy_that_is_none_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("https_proxy", "http://proxy:port")
    assert not launch.reachable("https://127.0.0.1:9/torch/")


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (
            "OSError: [Errno 28] No space left on device",
            "Easel needs about 3 GB in /home/ann/easel/.venv",
        ),
        ("error: failed to write: No space left on device (os error 28)", "The disk is full"),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'", "may not write"),
        ("PermissionError: [WinError 5] Access is denied", "may not write"),
        ("OSError: [Errno 30] Read-only file system: '/x'", "may not write"),
        (
            "The virtual environment was not created successfully because ensurepip is not\navailable.  On"
            " Debian/Ubuntu systems, you need to install the python3-venv\npackage using the following command.\n",
            "sudo apt install python3.",
        ),
        ("/usr/bin/python3: No module named venv", "sudo apt install python3."),
        (
            "NewConnectionError('... Failed to establish a new connection: [Errno 111] Connection refused')",
            "connect to",
        ),
        (
            "NameResolutionError: [Errno -3] Temporary failure in name resolution\nERROR: No matching "
            "distribution found for torch==2.13.0",
            "connect to the internet",
        ),
        (
            "error: Request failed after 3 retries\n  Caused by: error sending request for url\n  dns error",
            "connect to",
        ),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] ...'))", "set PIP_CERT"),
        ("ERROR: No matching distribution found for torch==2.13.0", "There is no PyTorch for Python 3."),
        ("ImportError: DLL load failed while importing _C", "Visual C++ Redistributable"),
        ("ImportError: libgomp.so.1: cannot open shared object file: No such file or directory", "libgomp.so.1"),
        ("ImportError: libcudnn.so.9: cannot open shared object file: No such file", "look into /home/ann/easel/.venv"),
        (
            "ImportError: libtorch_cpu.so: cannot open shared object file: No such file",
            "look into /home/ann/easel/.venv",
        ),
        ("ERROR: Could not install packages due to an OSError: Missing dependencies for SOCKS support.", "HTTPS_PROXY"),
        ("Killed", "ran out of memory"),
        ("ERROR: something new\n\n", "ERROR: something new); look into /home/ann/easel/.venv/install.log"),
        ("", "it said nothing"),
    ],
)
def test_every_failure_is_one_sentence_with_the_way_out(report: str, words: str) -> None:
    sentence = launch.explain(report, VENV)
    assert words in sentence
    assert "\n" not in sentence
    assert sentence.endswith((".", "again."))


def test_too_little_space_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    setup = launch.Setup(tmp_path, {})
    setup.check_space(0.0)
    with pytest.raises(launch.SetupFailed, match="needs about 1e\\+09 GB"):
        setup.check_space(1e9)


def test_the_line_of_progress_counts_packages(tmp_path: Path) -> None:
    (tmp_path / "pip-23.2.1.dist-info").mkdir()
    teller = launch.Teller("Installing what Easel needs", tmp_path, io.StringIO())
    teller.heard("Collecting gradio<6.32,>=6.31 (from -r requirements.txt (line 2))\n")
    assert " · getting gradio · 0:0" in teller.text()
    teller.heard("  Downloading scipy-1.17.1-cp311-cp311-manylinux_2_27_x86_64.whl (35.2 MB)\n")
    assert " · getting scipy (35.2 MB) · 0:0" in teller.text()
    teller.heard("Installing collected packages: pytz, trampoline, scipy\n")
    assert " · 0 of 3 · 0:0" in teller.text()
    (tmp_path / "pytz-2026.6.dist-info").mkdir()
    assert " · 1 of 3 · pytz · 0:0" in teller.text()


def test_a_package_that_goes_away_while_counted_does_not_end_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teller = launch.Teller("Installing", tmp_path, io.StringIO())
    teller.heard("Installing collected packages: scipy\n")
    (tmp_path / "scipy-1.17.1.dist-info").mkdir()
    (tmp_path / "~cipy-1.17.0.dist-info").mkdir()  # pip's name for what it is about to remove
    assert list(launch.packages_in(tmp_path)) == ["scipy"]
    look = launch.packages_in

    def look_and_lose(site: Path) -> dict[str, str]:
        seen = look(site)
        shutil.rmtree(site / "scipy-1.17.1.dist-info")
        return seen

    monkeypatch.setattr(launch, "packages_in", look_and_lose)
    assert " · 1 of 1 · scipy · 0:0" in teller.text()


def test_a_lock_is_taken_once_and_missed_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "lock").open("a+b") as first, (tmp_path / "lock").open("a+b") as second:
        assert launch.take(first)
        assert not launch.take(second)

        def no_locks(*_: object) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", no_locks)  # as on some network disks
        assert launch.take(second)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1080/", "socks5://127.0.0.1:1080/"),
        ("all_proxy", "socks5h://127.0.0.1:1080", "socks5h://127.0.0.1:1080"),
        ("https_proxy", "http://[::1]:3128", "http://[::1]:3128"),
        ("NO_PROXY", "localhost, 127.0.0.0/8, ::1/128,[::1],::1", "localhost,127.0.0.0/8,::1"),
        ("EASEL_DATA", "socks://", "socks://"),
    ],
)
def test_proxies_are_passed_on_as_the_app_can_read_them(name: str, value: str, kept: str) -> None:
    assert launch.clean_environment({name: value})[name] == kept


@pytest.mark.parametrize(
    ("folder", "tag"),
    [("torch-2.13.0+cpu", "cpu"), ("torch-2.13.0+cu126", "cu126"), ("torch-2.13.0", ""), ("torchsde-0.2.6", "")],
)
def test_the_installed_build_is_known_by_its_name(tmp_path: Path, folder: str, tag: str) -> None:
    (tmp_path / f"{folder}.dist-info").mkdir()
    assert launch.torch_tag(tmp_path) == tag


def test_an_intel_mac_is_told_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(launch.platform, "machine", lambda: "x86_64")
    with pytest.raises(launch.SetupFailed, match="Intel"):
        launch.Setup(tmp_path, {}).install_torch("2.13.0")


def test_progress_is_told_now_and_then_where_nobody_watches(tmp_path: Path) -> None:
    out = io.StringIO()
    teller = launch.Teller("Working", tmp_path, out, seconds_between=0.0)
    teller.tell()
    teller.seconds_between = 60.0
    teller.tell()
    teller.done()
    assert out.getvalue() == "Working · 0:00\nWorking · done · 0:00\n"


def test_a_browser_is_found_by_name(tmp_path: Path) -> None:
    browser = tmp_path / "google-chrome"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    assert launch.find_browser({"PATH": str(tmp_path)}) == str(browser)
    with pytest.raises(launch.SetupFailed, match="EASEL_CHROMIUM names"):
        launch.find_browser({"EASEL_CHROMIUM": str(tmp_path / "gone")})


def test_the_lock_holds_every_requirement_within_its_bounds() -> None:
    home = Path(launch.__file__).resolve().parent
    wanted = launch.read_wanted(home, ("test",))
    pins = [line.split("==") for line in wanted.constraints.splitlines() if not line.startswith("#")]
    locked = {canonicalize_name(name): version for name, version in pins}
    for requirement in map(Requirement, wanted.requirements):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement
        assert {specifier.operator for specifier in requirement.specifier} == {">=", "<"}, requirement


def test_the_projects_own_files_are_read() -> None:
    home = Path(launch.__file__).resolve().parent
    app, tests = launch.read_wanted(home, ()), launch.read_wanted(home, ("test",))
    assert app.torch == "2.13.0"
    assert set(app.requirements) < set(tests.requirements)
    assert app.digest != tests.digest
    assert "gradio" in app.imports
