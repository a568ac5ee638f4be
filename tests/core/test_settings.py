from __future__ import annotations

import json
import os
import resource
from dataclasses import fields
from pathlib import Path

import pytest

from webui.core.errors import FolderUnusable, SettingsRefused
from webui.core.settings import CHANGEABLE, Settings, load_settings, save_settings


def test_nothing_said_is_this_computer_only(tmp_path) -> None:
    settings = load_settings([], {}, tmp_path)
    assert settings == Settings(data=tmp_path, models=(tmp_path / "models",))
    assert (settings.host, settings.port, settings.devices) == ("127.0.0.1", 7860, ("auto",))


def test_a_flag_wins_over_a_variable_and_that_over_the_file(tmp_path) -> None:
    (tmp_path / "settings.json").write_text('{"port": 1, "vram": 4, "log_level": "debug"}')
    settings = load_settings(
        ["--port", "3"], {"EASEL_PORT": "2", "EASEL_LOG_LEVEL": "error", "EASEL_PASSWORD": ""}, tmp_path
    )
    assert (settings.port, settings.log_level, settings.vram) == (3, "error", 4.0)


def test_every_flag(tmp_path) -> None:
    argv = (
        "--host ::1 --port 0 --data D --models A --models B --device cpu --device cuda:1 --vram 7.5 --offline --no-open"
    )
    settings = load_settings([*argv.split(), "--share", "--password", "word", "--log-level", "debug"], {}, tmp_path)
    here = Path.cwd()
    assert settings == Settings(
        data=here / "D",
        models=(here / "A", here / "B"),
        host="::1",
        port=0,
        devices=("cpu", "cuda:1"),
        vram=7.5,
        offline=True,
        open_browser=False,
        share=True,
        password="word",
        log_level="debug",
    )


def test_every_variable(tmp_path) -> None:
    environ = {
        "EASEL_DATA": str(tmp_path / "d"),
        "EASEL_MODELS": os.pathsep.join(["/a", "/b"]),
        "EASEL_DEVICE": "cpu,cpu",
        "EASEL_VRAM": "3",
        "EASEL_NO_OPEN": "1",
        "EASEL_LISTEN": "yes",
        "EASEL_PASSWORD": "word",
        "EASEL_OFFLINE": "true",
    }
    settings = load_settings([], environ, tmp_path)
    assert settings == Settings(
        data=tmp_path / "d",
        models=(Path("/a"), Path("/b")),
        host="0.0.0.0",
        devices=("cpu", "cpu"),
        vram=3.0,
        open_browser=False,
        listen=True,
        password="word",
        offline=True,
    )


@pytest.mark.parametrize(
    ("argv", "environ", "stored", "host"),
    [
        (["--listen"], {}, {"host": "127.0.0.1"}, "0.0.0.0"),
        ([], {"EASEL_LISTEN": "1"}, {"host": "127.0.0.1"}, "0.0.0.0"),
        (["--listen"], {"EASEL_HOST": "127.0.0.1"}, {}, "0.0.0.0"),
        (["--listen", "--host", "192.0.2.7"], {}, {"host": "127.0.0.1"}, "192.0.2.7"),
        (["--host", "127.0.0.1"], {}, {"listen": True}, "127.0.0.1"),
        ([], {"EASEL_LISTEN": "0"}, {"listen": True}, "127.0.0.1"),
        ([], {}, {"listen": True, "host": "192.0.2.7"}, "192.0.2.7"),
    ],
)
def test_the_stronger_word_decides_who_is_let_in(argv, environ, stored, host, tmp_path) -> None:
    (tmp_path / "settings.json").write_text(json.dumps(stored))
    assert load_settings([*argv, "--password", "word"], environ, tmp_path).host == host


@pytest.mark.parametrize("argv", [["--listen"], ["--host", "0.0.0.0"], ["--listen", "--share"]], ids=" ".join)
def test_an_open_door_needs_a_password(argv, tmp_path) -> None:
    with pytest.raises(SettingsRefused, match="needs a password"):
        load_settings(argv, {}, tmp_path)
    assert load_settings(argv, {"EASEL_PASSWORD": "word"}, tmp_path).password == "word"


def test_a_public_link_needs_none_for_it_has_a_key_of_its_own(tmp_path) -> None:
    settings = load_settings(["--share"], {}, tmp_path)
    assert (settings.share, settings.host, settings.password, settings.warnings) == (True, "127.0.0.1", "", ())


def test_a_password_is_not_shown(tmp_path) -> None:
    assert "hush" not in repr(load_settings(["--password", "hush"], {}, tmp_path))


@pytest.mark.parametrize(
    ("argv", "environ", "named"),
    [
        (["--port", "70000"], {}, "--port must be a whole number from 0 to 65535, not “70000”"),
        (["--port", "x"], {}, "--port"),
        (["--vram", "nan"], {}, "--vram"),
        (["--vram", "-1"], {}, "--vram"),
        (["--device", "tpu"], {}, "--device must be auto"),
        (["--host", "a b"], {}, "--host"),
        (["--models", "a\0b"], {}, "--models"),
        (["--log-level", "loud"], {}, "--log-level"),
        (["--picture-format", "gif"], {}, "--picture-format"),
        (["--picture-quality", "0"], {}, "--picture-quality"),
        (["--colour"], {}, "--colour"),
        (["--port"], {}, "--port"),
        ([], {"EASEL_PORT": "one"}, "EASEL_PORT"),
        ([], {"EASEL_OFFLINE": "perhaps"}, "EASEL_OFFLINE"),
        ([], {"EASEL_NO_OPEN": "y"}, "EASEL_NO_OPEN must be true or false"),
        (["--data", "~nobody-of-this-name/x"], {}, "--data must be a folder"),
        (["--port", "\ud800"], {}, "--port must be a whole number from 0 to 65535, not “?”"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(argv, environ, named, tmp_path) -> None:
    with pytest.raises(SettingsRefused) as caught:
        load_settings(argv, environ, tmp_path)
    assert named in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.message.encode()


def test_help_names_every_flag(tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        load_settings(["--help"], {}, tmp_path)
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for flag in [
        "host",
        "port",
        "data",
        "models",
        "device",
        "vram",
        "offline",
        "no-open",
        "share",
        "password",
        "listen",
        "log-level",
    ]:
        assert f"--{flag}" in shown


def test_what_is_saved_is_there_the_next_time_and_the_rest_stays(tmp_path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"port": 8001, "from_a_newer_easel": [1]}')
    settings = load_settings([], {}, tmp_path)
    changed = save_settings(settings, picture_format="webp", picture_quality=80)
    assert (changed.picture_format, changed.picture_quality, changed.port) == ("webp", 80, 8001)
    assert load_settings([], {}, tmp_path) == changed
    assert json.loads(file.read_text())["from_a_newer_easel"] == [1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.json"]


def test_only_some_settings_change_from_the_page_and_only_to_good_values(tmp_path) -> None:
    settings = load_settings([], {}, tmp_path)
    for changes in (
        {"host": "0.0.0.0"},
        {"password": ""},
        {"nothing": 1},
        {"picture_format": "exe"},
        {"picture_quality": 9.5},
    ):
        with pytest.raises(SettingsRefused):
            save_settings(settings, **changes)
    assert not (tmp_path / "settings.json").exists()
    assert {field.name for field in fields(Settings)} >= CHANGEABLE


def test_a_folder_that_cannot_be_written_is_told(tmp_path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(FolderUnusable, match="cannot be saved"):
        save_settings(Settings(data=tmp_path / "data", models=()), picture_quality=90)


def test_a_file_that_cannot_be_read_is_not_written_over(tmp_path) -> None:
    (tmp_path / "settings.json").symlink_to(tmp_path / "settings.json")  # root reads everything but this
    with pytest.raises(FolderUnusable, match="cannot be saved"):
        save_settings(Settings(data=tmp_path, models=()), picture_quality=90)
    assert (tmp_path / "settings.json").is_symlink()


def test_a_path_that_is_not_text_is_kept(tmp_path) -> None:
    (tmp_path / "settings.json").write_text(r'{"models": "/m/\udcff ü", "vram": "much"}')
    settings = load_settings([], {}, tmp_path)
    assert settings.models == (Path("/m/\udcff ü"),)
    save_settings(settings, picture_quality=90)
    assert (tmp_path / "settings.json").read_text("utf-8").count(r"\udcff ü") == 1
    assert load_settings([], {}, tmp_path).models == settings.models


def test_a_bad_value_on_a_full_disk_is_told_all_the_same(tmp_path) -> None:
    """No file may grow at all: what a full disk does to every write."""
    (tmp_path / "settings.json").write_text('{"port": "eighty", "vram": 4}')
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        settings = load_settings([], {}, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (settings.vram, len(settings.warnings)) == (4.0, 1)
