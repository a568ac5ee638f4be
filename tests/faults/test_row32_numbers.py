"""Row 32: numbers that cannot be are refused with words at once; the engine never hears of them."""

from __future__ import annotations

import time
from math import inf, nan
from typing import Any

import pytest

from tests.core.cards import SMALL, settled
from webui.core.errors import InvalidRequest
from webui.core.types import LoraUse

WRONG: list[tuple[str, Any]] = [
    *(
        ("steps", value)
        for value in (10**9, 10**5000, -1, 0, 151, nan, inf, "20", "", 20.5, True, [20], b"20", {"a": 1})
    ),
    *(("width", value) for value in (65, 0, -256, 10**6, 10**400, nan, -inf, "256", 256.5, False, [256])),
    *(("height", value) for value in (65, 0, -256, 10**6, 10**400, nan, inf, "256", 256.5, True, (256,))),
    *(("count", value) for value in (0, -1, 17, 999, nan, inf, "2", 1.5, True, [])),
    *(("guidance_scale", value) for value in (-1, 0, 0.99, 30.01, 10**400, nan, inf, "7", True, [7])),
    *(("seed", value) for value in (-2, 2**32, 2**64, 10**400, nan, inf, "1", 0.5, True, [1])),
    *(("sampler", value) for value in ("nobody", 5, 10**5000, ["Euler"], "../x", "\ud800")),
    *(("style", value) for value in ("nobody", 5, ["Comic"], "\0", "\ud800" * 99)),
    *(("shape", value) for value in ("nobody", 5, ["Square"], "0:0", "1:0", "\ud800")),
    *(
        ("loras", value)
        for value in (
            ("a",),
            (LoraUse("nobody"),),
            (LoraUse("\ud800"),),
            (LoraUse("loras/ink", nan),),
            (LoraUse("loras/ink", -4.1),),
        )
    ),
]
WRONG_WITH_A_PHOTO = [("strength", value) for value in (-0.1, 1.1, nan, inf, -inf, "0.5", True, 10**400, [0.5])]


def short(value: Any) -> str:
    return "long" if isinstance(value, int) and value > 10**99 else ascii(value)[:12]


def refused(asked: dict[str, Any]) -> None:
    start = time.process_time()
    with pytest.raises(InvalidRequest) as caught:
        settled(SMALL, **asked)
    assert time.process_time() - start < 0.02
    assert caught.value.status == 422
    assert caught.value.message.endswith(".")
    assert len(caught.value.message.encode()) < 200


@pytest.mark.parametrize(("name", "value"), WRONG, ids=short)
def test_row32_refused_with_words(name, value) -> None:
    refused({name: value})


@pytest.mark.parametrize(("name", "value"), WRONG_WITH_A_PHOTO, ids=short)
def test_row32_refused_with_a_photo_too(name, value) -> None:
    refused({name: value, "init_image": "photo"})
    refused({name: value})


@pytest.mark.parametrize("photo", [5, b"x", ["a"], {"path": "/etc/passwd"}])
def test_row32_a_photo_is_named_by_its_id(photo) -> None:
    refused({"init_image": photo})
    refused({"init_image": "photo", "mask_image": photo})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 1),
        ("steps", 150),
        ("steps", 20.0),
        ("width", 128),
        ("width", 512),
        ("count", 16),
        ("guidance_scale", 1),
        ("guidance_scale", 30.0),
        ("seed", 0),
        ("seed", 2**32 - 1),
        ("seed", -1),
        ("seed", 7.0),
        ("strength", 0),
        ("strength", 1),
    ],
)
def test_row32_the_limits_themselves_are_fine(name, value) -> None:
    settled(SMALL, **{name: value})
