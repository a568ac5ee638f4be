"""What the person chose for the whole app: flag > EASEL_* variable > settings.json > what stands here."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

from webui.core.errors import FolderUnusable, SettingsRefused, UserError
from webui.core.files import keep_as_bad, write_atomically

PictureFormat = Literal["png", "jpeg", "webp"]

SETTINGS_FILE = "settings.json"
CHANGEABLE = frozenset({"picture_format", "picture_quality", "vram", "open_browser", "log_level", "suggest_models"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it settled. `vram` is in GiB (None: what the card has). `warnings` are sentences to tell once."""

    data: Path
    models: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 7860
    devices: tuple[str, ...] = ("auto",)
    vram: float | None = None
    offline: bool = False
    open_browser: bool = True
    share: bool = False
    password: str = field(default="", repr=False)
    listen: bool = False
    log_level: str = "info"
    picture_format: PictureFormat = "png"
    picture_quality: int = 95
    suggest_models: bool = True
    warnings: tuple[str, ...] = ()


def load_settings(argv: Sequence[str], environ: Mapping[str, str], home: Path) -> Settings:
    """Read the flags, the variables, and `<data>/settings.json`; `home` is the folder of launch.py.

    Raises SettingsRefused (one sentence; the caller prints it and exits with 2) and SystemExit(0) after --help.
    """
    flags = {name: value for name, value in vars(_parser().parse_args(list(argv))).items() if value is not None}
    told = {name: _checked(name, value, _flag(name)) for name, value in flags.items()}
    around = _from_environ(environ)
    data = (around | told).get("data", home)
    kept, warnings = _from_file(data / SETTINGS_FILE)
    chosen: dict[str, Any] = {}
    for source in (kept, around, told):
        if source.get("listen"):
            chosen.pop("host", None)  # what a weaker source says must not keep the door shut
        chosen |= source
    chosen.pop("data", None)
    if chosen.get("listen"):
        chosen.setdefault("host", "0.0.0.0")
    settings = Settings(data=data, **({"models": (home / "models",)} | chosen), warnings=warnings)
    _refuse_open_door(settings)
    return settings


def save_settings(settings: Settings, **changes: Any) -> Settings:
    """Remember what was changed on the page, in `<data>/settings.json`, and return the new settings.

    Raises SettingsRefused when a value cannot be, or is not to be changed here; FolderUnusable.
    """
    for name in changes:
        if name not in CHANGEABLE:
            raise SettingsRefused(f"“{name}” cannot be changed here.", "Give it as a flag when starting Easel.")
    checked = {name: _checked(name, value, name) for name, value in changes.items()}
    file = settings.data / SETTINGS_FILE
    try:
        stored, _ = _read_object(file)
        write_atomically(file, _written(stored | checked))
    except OSError as error:  # also where the file is there but cannot be read: it would be lost
        raise FolderUnusable(f"The settings cannot be saved ({error.strerror}).", "Look at the data folder.") from error
    return replace(settings, **checked)


def _refuse_open_door(settings: Settings) -> None:
    """Whoever can be reached from other computers needs a password; a public link has a key of its own."""
    if settings.password:
        return
    door = "--listen" if settings.listen else ""
    if not door and settings.host not in LOOPBACK:
        door = f"--host {settings.host}"
    if door:
        raise SettingsRefused(
            f"{door} opens Easel to other computers, and that needs a password.",
            "Add --password and a word of your own.",
        )


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for name, option in _options().items():
        text = environ.get(option.variable, "")
        if text:
            value: Any = [part for part in text.split(option.separator) if part] if option.separator else text
            chosen[name] = _checked(name, value, option.variable)
    if environ.get("EASEL_NO_OPEN"):
        chosen["open_browser"] = not _checked("open_browser", environ["EASEL_NO_OPEN"], "EASEL_NO_OPEN")
    return chosen


def _from_file(file: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The good values of a settings.json. A bad one is moved to .bad, so that it is told once and never lost."""
    try:
        stored, problem = _read_object(file)
    except OSError as error:
        stored, problem = {}, f"settings.json cannot be read ({error.strerror}), so the defaults are used."
    if problem:
        return {}, (problem,)
    good: dict[str, Any] = {}
    bad: dict[str, str] = {}
    for key, value in stored.items():
        name = {"device": "devices"}.get(key, key)
        if name == "data" or name not in _options() or value is None:
            continue
        try:
            good[name] = _checked(name, value, key)
        except UserError as error:
            bad[key] = error.message
    if not bad:
        return good, ()
    if keep_as_bad(file):
        with contextlib.suppress(OSError):  # a full disk, say: the warning stands
            write_atomically(file, _written({k: v for k, v in stored.items() if k not in bad}))
    kept = f"The default is used; the old file is kept as {file.name}.bad."
    return good, tuple(f"settings.json: {message} {kept}" for message in bad.values())


def _read_object(file: Path) -> tuple[dict[str, Any], str]:
    """The JSON object in a file, and a sentence when there was a broken one (then kept as .bad). Raises OSError."""
    try:
        stored = json.loads(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}, ""
    except (ValueError, RecursionError):
        stored = None
    if isinstance(stored, dict):
        return stored, ""
    keep_as_bad(file)
    return {}, f"settings.json was damaged, so the defaults are used; the old file is kept as {file.name}.bad."


def _written(values: Mapping[str, Any]) -> bytes:
    """JSON; what is no text (a path may hold any bytes) becomes an escape of JSON's own."""
    return json.dumps(values, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class _Option:
    """One setting: how its raw value (text, or JSON data) becomes a good one, and how it is called outside."""

    check: Callable[[Any], Any]
    wanted: str
    variable: str
    separator: str = ""


def _options() -> dict[str, _Option]:
    levels = ("debug", "info", "warning", "error")
    formats = ("png", "jpeg", "webp")
    devices = "auto, cpu, cuda, cuda:0 or mps"
    percent = "a whole number from 1 to 100"
    return {
        "host": _Option(_host, "a name or an address", "EASEL_HOST"),
        "port": _Option(lambda v: _whole(v, 0, 65535), "a whole number from 0 to 65535", "EASEL_PORT"),
        "data": _Option(_folder, "a folder", "EASEL_DATA"),
        "models": _Option(lambda v: tuple(map(_folder, _several(v))), "folders", "EASEL_MODELS", os.pathsep),
        "devices": _Option(lambda v: tuple(map(_device, _several(v))), devices, "EASEL_DEVICE", ","),
        "vram": _Option(_gigabytes, "a number of GB above 0", "EASEL_VRAM"),
        "offline": _Option(_truth, "true or false", "EASEL_OFFLINE"),
        "open_browser": _Option(_truth, "true or false", "EASEL_OPEN_BROWSER"),
        "share": _Option(_truth, "true or false", "EASEL_SHARE"),
        "password": _Option(_text, "text", "EASEL_PASSWORD"),
        "listen": _Option(_truth, "true or false", "EASEL_LISTEN"),
        "log_level": _Option(lambda v: _one_of(v, levels), " or ".join(levels), "EASEL_LOG_LEVEL"),
        "picture_format": _Option(lambda v: _one_of(v, formats), " or ".join(formats), "EASEL_PICTURE_FORMAT"),
        "picture_quality": _Option(lambda v: _whole(v, 1, 100), percent, "EASEL_PICTURE_QUALITY"),
        "suggest_models": _Option(_truth, "true or false", "EASEL_SUGGEST_MODELS"),
    }


def _checked(name: str, value: Any, called: str) -> Any:
    option = _options()[name]
    try:
        return option.check(value)
    except (ValueError, TypeError, OverflowError, RuntimeError):  # the last for a home folder of nobody: ~nobody/x
        shown = str(value[0] if isinstance(value, list) and len(value) == 1 else value)[:80]
        shown = shown.encode("utf-8", "replace").decode()
        message = f"{called} must be {option.wanted}, not “{shown}”."
        raise SettingsRefused(message, "See --help for what can be set.") from None


def _flag(name: str) -> str:
    return {"devices": "--device", "open_browser": "--no-open"}.get(name, "--" + name.replace("_", "-"))


def _whole(value: Any, low: int, high: int) -> int:
    number = int(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        raise ValueError
    return number


def _gigabytes(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    number = float(value)
    if not math.isfinite(number) or number <= 0:
        raise ValueError
    return number


def _truth(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.strip().lower() not in words:
        raise ValueError
    return words[value.strip().lower()]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _host(value: Any) -> str:
    if not re.fullmatch(r"[\w.:%-]+", _text(value)):
        raise ValueError
    return str(value)


def _folder(value: Any) -> Path:
    if not isinstance(value, (str, Path)) or not str(value) or "\0" in str(value):
        raise ValueError
    return Path(value).expanduser().absolute()


def _device(value: Any) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", _text(value)):
        raise ValueError
    return str(value)


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError
    return str(value)


def _several(value: Any) -> list[Any]:
    several = value if isinstance(value, list) else [value]
    if not several:
        raise ValueError
    return several


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsRefused(f"Easel does not understand this: {message}.", "See --help for what can be set.")


def _parser() -> argparse.ArgumentParser:
    """Values stay text here: they are checked together with those of the variables and the file."""
    parser = _Parser(
        prog="launch.py", allow_abbrev=False, description="Easel: make pictures on your own computer.",
        epilog="Every flag can also be set as a variable (EASEL_PORT=8000) or in settings.json in the data folder.",
    )  # fmt: skip
    add = parser.add_argument
    add("--host", help="address to listen on (default 127.0.0.1: this computer only)")
    add("--port", help="port to listen on (default 7860; the next free one is taken)")
    add("--listen", action="store_true", default=None, help="let other computers of your network in; needs --password")
    add("--share", action="store_true", default=None, help="make a public link at once")
    add("--password", help="the word a visitor must give")
    add("--data", metavar="DIR", help="where pictures, history and uploads are kept (default: beside launch.py)")
    add("--models", metavar="DIR", action="append", help="a folder of models; repeat for several (default: models/)")
    add("--device", dest="devices", metavar="NAME", action="append", help="auto, cpu, cuda, cuda:1, mps; repeatable")
    add("--vram", metavar="GB", help="use the card as if it had this much memory")
    add("--offline", action="store_true", default=None, help="never use the network")
    add("--no-open", dest="open_browser", action="store_false", default=None, help="do not open the browser")
    add("--picture-format", metavar="KIND", help="png (default), jpeg or webp")
    add("--picture-quality", metavar="N", help="1 to 100, for jpeg and webp (default 95)")
    add("--log-level", metavar="LEVEL", help="debug, info (default), warning or error")
    return parser
