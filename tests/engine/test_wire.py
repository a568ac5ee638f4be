from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.drawing import card_of, lora_of, order
from webui.core import errors
from webui.core.types import DeviceFacts, GeneratedImage, Progress
from webui.engine import wire
from webui.families import all_families


def through(message: wire.Message) -> wire.Message:
    pipe = io.BytesIO()
    wire.write(pipe, message)
    pipe.seek(0)
    return wire.read(pipe)


def test_everything_comes_out_as_it_went_in(starter: Path) -> None:
    wanted = order(card_of(starter, all_families()), prompt="naïve 🐈 \x00")
    image = GeneratedImage(wanted.recipe, 2, 1, bytes(range(6)), {"denoising": 1.5}, "resident", ("note",))
    progress = Progress("denoising", 3, 12, 0.25, b"\xff\xd8")
    facts = DeviceFacts("cuda", "card", 8, 4, "float16", 1, 1, (8, 9))
    assert wire.unpack_order(through(wire.pack_order(wanted))) == wanted
    assert wire.unpack_image(through(wire.pack_image(image))) == image
    assert wire.unpack_progress(through(wire.pack_progress(progress))) == progress
    assert wire.unpack_facts(through({"facts": wire.pack_facts(facts)})["facts"]) == facts


def test_an_order_with_a_lora(tiny_models: object) -> None:
    from tests.tiny import TinyModels

    assert isinstance(tiny_models, TinyModels)
    card = card_of(tiny_models.sd, all_families())
    wanted = order(card, {lora_of(tiny_models.lora("sd", "kohya"), all_families()): 0.5})
    assert wire.unpack_order(through(wire.pack_order(wanted))) == wanted


def test_errors_keep_their_class_and_their_way_out() -> None:
    error = errors.NotEnoughMemory("Too big.", "Smaller.", "size:512x512", "Make it 512")
    back = wire.unpack_error(through(wire.pack_error(error)))
    assert isinstance(back, errors.NotEnoughMemory) and back.fault == error.fault


@pytest.mark.parametrize("data", [b"", b"\0" * 5, b"\xff" * 12 + b"x", json.dumps({}).encode()])
def test_what_is_no_frame_ends_the_conversation(data: bytes) -> None:
    with pytest.raises(EOFError):
        wire.read(io.BytesIO(data))
