"""launch.py run for real, on a tiny Easel whose packages are tiny wheels: starts, repairs, failures."""

from __future__ import annotations

import ast
import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import launch

HOME = Path(__file__).resolve().parent.parent
PROJECT = """\
[project]
name = "tiny"
dependencies = ["torch>=2", "tiny-part>=1"]
[project.optional-dependencies]
test = ["pytest"]
[tool.easel]
imports = ["torch", "tiny_part"]
"""
# The app of the tiny Easel: says what it was given, and ends as it is told.
APP = """\
import json, os, sys, time
import tiny_part
names = ["DIFFUSERS_DISABLE_REMOTE_CODE", "GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY"]
told = [os.environ[name] for name in names]
try:
    print(json.dumps({"arguments": sys.argv[1:], "cwd": os.getcwd(), "file": __file__, "told": told}), flush=True)
    if "--sleep" in sys.argv:
        time.sleep(60)
except KeyboardInterrupt:
    sys.exit(42)
sys.exit(7)
"""
TESTER = """\
import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "chromium": os.environ.get("EASEL_CHROMIUM"), "cwd": os.getcwd()}))
sys.exit(5)
"""


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    module = name.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    files = files | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in files) + f"{about}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in (files | {f"{about}/RECORD": record}).items():
            wheel.writestr(path, text)


def start(home: Path, *arguments: str, cwd: Path | None = None, **changes: str) -> subprocess.Popen[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "EASEL_", "PYTHON"))
    }
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(home.parent / "wheels")}
    environment |= {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"} | changes
    return subprocess.Popen(
        [sys.executable, str(home / "launch.py"), *arguments],
        cwd=cwd or home,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,
    )


def _hear_ctrl_c() -> None:
    """As a person's shell starts it; from a script's background it would be deaf to Ctrl+C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(home: Path, *arguments: str, cwd: Path | None = None, **changes: str) -> tuple[int, str, str]:
    process = start(home, *arguments, cwd=cwd, **changes)
    printed, complained = process.communicate(timeout=240)
    return process.returncode, printed, complained


def the_sentence(answer: tuple[int, str, str]) -> str:
    """What a failed start told: exactly one line, after exit code 1."""
    code, printed, complained = answer
    assert code == 1, printed + complained
    assert complained.count("\n") == 1, complained
    assert "Traceback" not in printed + complained
    return complained.strip()


def told_by_app(printed: str) -> dict[str, object]:
    return dict(json.loads(printed.splitlines()[-1]))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Easel after its first start (two at the same moment, as an impatient person makes them)."""
    folder = tmp_path_factory.mktemp("launch")
    wheels, home = folder / "wheels", folder / "easel"
    wheels.mkdir()
    make_wheel(wheels, "torch", "2.13.0", {"torch/__init__.py": ""})
    make_wheel(wheels, "tiny-part", "1.0", {"tiny_part/__init__.py": "", "tiny_part/more.py": ""})
    make_wheel(wheels, "tiny-part", "1.1", {"tiny_part/__init__.py": "", "tiny_part/more.py": ""})
    make_wheel(wheels, "pytest", "9.0", {"pytest/__init__.py": "", "pytest/__main__.py": TESTER})
    (home / "webui").mkdir(parents=True)
    (home / "webui/__init__.py").write_text("")
    (home / "webui/__main__.py").write_text(APP)
    (home / "pyproject.toml").write_text(PROJECT)
    (home / ".requirements.lock").write_text("torch==2.13.0\ntiny_part==1.0\n")
    shutil.copy(HOME / "launch.py", home)
    both = [start(home, "--port", "1"), start(home, "--port", "2")]
    for process in both:
        printed, complained = process.communicate(timeout=240)
        assert process.returncode == 7, printed + complained
        assert told_by_app(printed)["told"] == ["1", "False", "1"]
    return home


@pytest.fixture
def easel(installed: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the installed tiny Easel to be ill-treated."""

    def link_pip_copy_the_rest(source: str, target: str) -> None:
        (os.link if "/pip/" in source else shutil.copy2)(source, target, follow_symlinks=False)

    shutil.copytree(installed, tmp_path / "easel", symlinks=True, copy_function=link_pip_copy_the_rest)
    (tmp_path / "wheels").symlink_to(installed.parent / "wheels")
    yield tmp_path / "easel"
    (tmp_path / "easel").chmod(0o755)
    shutil.rmtree(tmp_path / "easel")


def site(home: Path) -> Path:
    return next((home / ".venv/lib").glob("python3*/site-packages"))


def test_the_first_start_installs_the_tested_set_once(installed: Path) -> None:
    stamp = json.loads((installed / ".venv/easel.json").read_text())
    assert {"torch", "tiny_part", "pip"} <= set(stamp["packages"])
    assert (site(installed) / "tiny_part-1.0.dist-info").is_dir()
    assert (installed / ".venv/install.log").read_text().count("-m venv") == 1


def test_a_later_start_is_silent_and_passes_all_on(easel: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/webui").mkdir(parents=True)
    (tmp_path / "elsewhere/webui/__main__.py").write_text("raise SystemExit('the wrong webui')")
    code, printed, complained = run(easel, "--port", "7861", "--no-open", cwd=tmp_path / "elsewhere", PYTHONPATH="/x")
    told = told_by_app(printed)
    assert (code, len(printed.splitlines()), complained) == (7, 1, "")
    assert told["arguments"] == ["--port", "7861", "--no-open"]
    assert told["cwd"] == str(tmp_path / "elsewhere")
    assert told["file"] == str(easel / "webui/__main__.py")


def test_a_later_start_costs_next_to_nothing(easel: Path) -> None:
    def work(act: Callable[[], object]) -> float:
        """Seconds of a processor, however busy it is with other things."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        act()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    bare = [str(easel / ".venv/bin/python"), "-m", "webui"]
    whole = min(work(lambda: run(easel)) for _ in range(4))
    app = min(work(lambda: subprocess.run(bare, cwd=easel, env={"PATH": ""}, capture_output=True)) for _ in range(4))
    assert whole < 12 * app


def test_ctrl_c_is_the_apps_own(easel: Path) -> None:
    process = start(easel, "--sleep")
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 42


def test_help_needs_no_setup(easel: Path) -> None:
    shutil.rmtree(easel / ".venv")
    code, printed, _ = run(easel, "--help")
    flags = "--host --port --data --models --device --vram --offline --no-open --share --password --listen --log-level"
    assert code == 0
    assert all(flag in printed for flag in flags.split())
    assert not (easel / ".venv").exists()


def test_what_the_tests_need_is_added_once(easel: Path, tmp_path: Path) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("")
    code, printed, _ = run(easel, "--test", "-k", "some", EASEL_CHROMIUM=str(browser))
    expected = {"arguments": ["-k", "some"], "chromium": str(browser), "cwd": str(easel)}
    assert (code, told_by_app(printed)) == (5, expected)
    assert run(easel, "--test", EASEL_CHROMIUM=str(browser))[1].count("\n") == 1
    assert run(easel)[1].count("\n") == 1


def test_a_browser_that_is_not_there_is_told(easel: Path) -> None:
    assert "EASEL_CHROMIUM names /nowhere" in the_sentence(run(easel, "--test", EASEL_CHROMIUM="/nowhere"))


def test_a_new_lock_brings_new_versions(easel: Path) -> None:
    (easel / ".requirements.lock").write_text("torch==2.13.0\ntiny_part==1.1\n")
    assert run(easel)[0] == 7
    assert (site(easel) / "tiny_part-1.1.dist-info").is_dir()


def test_a_vanished_package_comes_back(easel: Path) -> None:
    shutil.rmtree(site(easel) / "tiny_part")
    shutil.rmtree(site(easel) / "tiny_part-1.0.dist-info")
    assert run(easel)[0] == 7
    assert (site(easel) / "tiny_part/more.py").exists()


def test_a_cut_off_installation_is_mended(easel: Path) -> None:
    """kill -9 within a package leaves some files and .dist-info without INSTALLER; pip alone would believe it."""
    (easel / ".venv/easel.json").unlink()
    (site(easel) / "tiny_part-1.0.dist-info/INSTALLER").unlink()
    (site(easel) / "tiny_part/__init__.py").unlink()
    (site(easel) / "tiny_part/more.py").unlink()
    assert run(easel)[0] == 7
    assert (site(easel) / "tiny_part/more.py").exists()


def test_a_venv_without_its_python_is_made_anew(easel: Path) -> None:
    for name in ("python", "python3"):
        (easel / ".venv/bin" / name).unlink(missing_ok=True)
        (easel / ".venv/bin" / name).symlink_to("/nowhere/python")
    assert run(easel)[0] == 7


def test_a_card_that_comes_later_gets_its_build(easel: Path, tmp_path: Path) -> None:
    """To pip the processor's 2.13.0+cpu is a fine 2.13.0."""
    about = (site(easel) / "torch-2.13.0.dist-info").rename(site(easel) / "torch-2.13.0+cpu.dist-info")
    record, metadata = about / "RECORD", about / "METADATA"
    record.write_text(record.read_text().replace("torch-2.13.0.dist-info", about.name))
    metadata.write_text(metadata.read_text().replace("2.13.0", "2.13.0+cpu"))
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '580.95.05, 9.0'\n")
    tool.chmod(0o755)
    assert run(easel, PATH=f"{tmp_path}:/usr/bin:/bin")[0] == 7
    assert [path.name for path in site(easel).glob("torch-*")] == ["torch-2.13.0.dist-info"]


def test_what_does_not_import_is_installed_anew(easel: Path) -> None:
    (easel / ".venv/easel.json").unlink()
    (site(easel) / "tiny_part/__init__.py").write_text("import gone_with_the_wind")
    code, printed, _ = run(easel)
    assert (code, "installing it anew" in printed) == (7, True)
    assert (site(easel) / "tiny_part/__init__.py").read_text() == ""


def ask_for_more(home: Path) -> None:
    (home / "pyproject.toml").write_text(PROJECT.replace('"tiny-part>=1"', '"tiny-part>=1", "never-heard-of"'))


def test_no_network_is_one_sentence(easel: Path) -> None:
    ask_for_more(easel)
    nowhere = {"PIP_NO_INDEX": "", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    sentence = the_sentence(run(easel, **nowhere))
    assert sentence == launch.NO_NETWORK
    assert "Connection refused" in (easel / ".venv/install.log").read_text()


def test_a_package_that_nobody_has_points_to_the_log(easel: Path) -> None:
    ask_for_more(easel)
    sentence = the_sentence(run(easel))
    assert "never-heard-of" in sentence
    assert str(easel / ".venv/install.log") in sentence


def test_ctrl_c_while_installing_ends_with_a_word_and_goes_on_later(easel: Path) -> None:
    ask_for_more(easel)
    process = start(easel, PIP_NO_INDEX="", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="9")
    assert process.stdout is not None
    while "Easel needs" not in process.stdout.readline():
        pass
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    _, complained = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in complained) == (130, False)
    assert "Stopped." in complained
    (easel / "pyproject.toml").write_text(PROJECT)
    assert run(easel)[0] == 7


def test_a_full_disk_is_one_sentence(easel: Path) -> None:
    """A limit on the size of files stands for the disk: writing more gives an error in the same places."""
    shutil.rmtree(easel / ".venv")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        process = start(easel)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    printed, complained = process.communicate(timeout=120)
    assert "The disk is full" in the_sentence((process.returncode, printed, complained))


def drop_roots_privilege() -> None:
    """Lets permissions count for root as they do for everybody: drops CAP_DAC_OVERRIDE from what exec may give."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


def test_a_read_only_folder_is_one_sentence(easel: Path) -> None:
    shutil.rmtree(easel / ".venv")
    easel.chmod(0o555)
    command = [sys.executable, str(easel / "launch.py")]
    answer = subprocess.run(command, cwd=easel, capture_output=True, text=True, preexec_fn=drop_roots_privilege)
    assert "may not write" in the_sentence((answer.returncode, answer.stdout, answer.stderr))


def test_a_torn_project_file_is_one_sentence(easel: Path) -> None:
    (easel / "pyproject.toml").write_text(PROJECT[:20])
    assert "clone Easel again" in the_sentence(run(easel))


@pytest.mark.parametrize("version", [(2, 7), (3, 8, 18), (3, 10)])
def test_an_old_python_is_told_so(version: tuple[int, ...]) -> None:
    assert f"you have {version[0]}.{version[1]}." in launch.too_old(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 13, 1), (4, 0)])
def test_a_new_python_will_do(version: tuple[int, ...]) -> None:
    assert launch.too_old(version) == ""


def test_old_pythons_can_read_up_to_their_sentence() -> None:
    """Every old Python around says it itself; where there is none, the grammar of 3.7 is asked."""
    ast.parse((HOME / "launch.py").read_text(encoding="utf-8"), feature_version=(3, 7))
    roots = (Path.home() / ".pyenv/versions", Path("/usr/bin"), Path("/usr/local/bin"))
    found = [path for root in roots for path in [*root.glob("3.[6789].*/bin/python"), *root.glob("python3.[6789]")]]
    for python in found:
        answer = subprocess.run([str(python), str(HOME / "launch.py")], env={}, capture_output=True, text=True)
        assert (answer.returncode, answer.stderr.count("\n")) == (1, 1), answer.stderr
        assert "Easel needs Python 3.11 or newer; you have 3." in answer.stderr


def test_a_venv_whose_python_was_upgraded_is_made_anew(easel: Path) -> None:
    """After an upgrade of the system the same .venv/bin/python is another version and looks elsewhere."""
    site(easel).parent.rename(easel / ".venv/lib/python3.10")
    assert run(easel)[0] == 7
    assert (site(easel) / "tiny_part/more.py").exists()
    assert run(easel)[1].count("\n") == 1
