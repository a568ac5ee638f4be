"""Row 44: the hub is offline, wants an account, has lost the file, is overrun, is not who it says, or falls silent.

Six distinct sentences, each with what to do; the models that lie here still work; nothing is contacted before a click.
"""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hub import running_hub
from tests.offers import ended, offering
from tests.studio import ROOT, finished, make_service, quick
from webui.core.errors import Gated, Gone, HubBusy, NotTrusted, Offline, Stalled, UserError
from webui.core.model_presets import ModelPreset
from webui.library.arrival import arrived
from webui.library.download import Patience, fetch

CONTENT = random.Random(4).randbytes(300_000)
SHORT = Patience(connect=5, silence=0.5, pauses=())


def nobody_there() -> str:
    """An address of this computer where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return f"http://127.0.0.1:{door.getsockname()[1]}/x"


def refusal(model: ModelPreset, folder: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        asyncio.run(fetch(model, folder, lambda _: None, SHORT))
    return caught.value


def answering(status: int) -> Callable[[Path], UserError]:
    def ask(folder: Path) -> UserError:
        with running_hub(CONTENT, status=status) as hub:
            return refusal(hub.model(), folder)

    return ask


def offline(folder: Path) -> UserError:
    with running_hub(CONTENT) as hub:
        return refusal(hub.model(address=nobody_there()), folder)


def not_trusted(folder: Path) -> UserError:
    with running_hub(CONTENT, tls=True) as hub:
        error = refusal(hub.model(), folder)
        assert hub.seen == []
        return error


def stalls(folder: Path) -> UserError:
    with running_hub(CONTENT, stalls_after=180_000) as hub:
        error = refusal(hub.model(), folder)
        assert arrived(folder, hub.model()) == 180_000
        hub.stalls_after = None
        assert asyncio.run(fetch(hub.model(), folder, lambda _: None)).read_bytes() == CONTENT
        assert hub.seen[1]["range"] == "bytes=180000-"
        return error


CASES: dict[str, tuple[Callable[[Path], UserError], type[UserError], bool]] = {
    "offline": (offline, Offline, True),
    "401": (answering(401), Gated, False),
    "403": (answering(403), Gated, False),
    "404": (answering(404), Gone, False),
    "410": (answering(410), Gone, False),
    "429": (answering(429), HubBusy, True),
    "503": (answering(503), HubBusy, True),
    "tls": (not_trusted, NotTrusted, True),
    "stalls at 60 %": (stalls, Stalled, True),
}


@pytest.mark.parametrize("ask, kind, again", CASES.values(), ids=CASES.keys())
def test_row44_each_trouble_has_its_words(
    ask: Callable[[Path], UserError], kind: type[UserError], again: bool, tmp_path: Path
) -> None:
    error = ask(tmp_path)
    assert type(error) is kind
    assert error.message.endswith(".") and error.hint.endswith((".", "?"))
    assert bool(error.fix) == again
    assert "http" not in error.message + error.hint


def test_row44_the_six_sentences_differ(tmp_path: Path) -> None:
    told = [ask(tmp_path / name) for name, (ask, _, _) in CASES.items() if name not in ("403", "410", "503")]
    assert len({error.message for error in told}) == len({error.code for error in told}) == 6


def test_row44_the_page_says_it_and_tries_again(tmp_path: Path) -> None:
    with running_hub(CONTENT, status=429) as hub:
        service = offering(tmp_path, [hub.model()])
        service.get_model("tiny")
        offer = ended(service)
        assert (offer["state"], offer["get_label"]) == ("failed", "Try again")
        assert offer["words"] == "Too many people are loading from 127.0.0.1 just now. Wait some minutes."
        hub.status = 0
        service.get_model(offer["get"])
        assert ended(service)["state"] == "here"
        service.close()


def test_row44_a_local_model_draws_while_the_hub_is_silent(tmp_path: Path) -> None:
    with running_hub(CONTENT, stalls_after=0) as hub:
        service = make_service(tmp_path)
        other = offering(tmp_path / "other", [hub.model()])
        service.start()
        other.get_model("tiny")
        job = finished(service, service.submit("ann" * 8, quick()))
        assert job.state == "done"
        assert other.downloads.view(None, welcome=False) is not None
        other.close()
        service.close()


STARTS = """
import sys, webui.__main__ as main
from webui.core.settings import load_settings
from pathlib import Path
touched = []
sys.addaudithook(lambda event, args: touched.append((event, args)) if event.startswith("socket.") else None)
service = main.build_service(load_settings(["--data", sys.argv[1]], {}, Path.cwd()))
assert {"offer"} < set(service.live("ann" * 8, here=True))
service.close()
assert "httpx" not in sys.modules and "torch" not in sys.modules
assert touched == [], touched
"""


def test_row44_nothing_is_contacted_at_import_or_start(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", STARTS, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
