"""Row 31: any prompt comes back out of the picture as it was read, or is refused with words."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.cards import LORAS, SMALL, presets, settled
from webui.core.errors import InvalidRequest
from webui.core.imaging import encode_picture, read_picture_text
from webui.core.infotext import read_infotext, write_infotext
from webui.core.settle import settle
from webui.core.types import Recipe

TITLES = {lora.id: lora.title for lora in LORAS.values()}

PROMPTS = {
    "nothing": "",
    "spaces": " \t \n ",
    "right to left": "חתול על מחצלת \u202eabc\u202c",
    "emoji family": "👩‍👩‍👧‍👦 🏳️‍🌈 in the snow",
    "combining": "Z̴̢̈́a̸͎͝l̶̪̈g̷̡̛o̸̢͝ e\u0301",
    "control": "a\x07b\x1b[31mc\x7f",
    "line ends": "a\r\nb\rc\u2028d",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "markdown": "[a](javascript:alert(1)) ![x](//evil) `x` $x$ **b**",
    "quotes": '"\'`\\" \\n {prompt} {0} %s ${x}',
    "looks like parameters": "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1",
    "looks like a negative": "a\nNegative prompt: b\nSteps: 1, Size: 2x2, Seed: 3",
    "json": '{"sui_image_params": {"prompt": "x"}}',
    "backslash": "\\",
    "long": "word " * 1999 + "word.",
    "long emoji": "🐈" * 10_000,
    "brackets": "((([[[" * 1600,
}


def through_a_picture(recipe: Recipe, kind: str = "png") -> Recipe:
    """Into a file's bytes and out of them, and settled once more."""
    data = encode_picture(bytes(3 * 64), 8, 8, write_infotext(recipe, SMALL.title, "1", TITLES), kind, 90)
    request = read_infotext(read_picture_text(data)).request(presets(), (SMALL,), LORAS)
    return settle(request, SMALL, LORAS, presets(), random.Random(9))[0]


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
@pytest.mark.parametrize("style", [None, "Pencil sketch"])
def test_row31_every_kind_of_prompt_comes_back(prompt, style) -> None:
    recipe = settled(prompt=prompt, negative_prompt=prompt, style=style)
    assert through_a_picture(recipe) == recipe
    if len(prompt) < 9000:
        assert through_a_picture(recipe, "jpeg") == through_a_picture(recipe, "webp") == recipe


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters()), st.text(st.characters()))
def test_row31_any_characters_come_back_or_are_refused_with_words(prompt, negative) -> None:
    try:
        recipe = settled(prompt=prompt, negative_prompt=negative)
    except InvalidRequest as refusal:
        assert "at character" in refusal.message or "LoRA" in refusal.message
        refusal.message.encode()
    else:
        assert through_a_picture(recipe) == recipe


@pytest.mark.parametrize("prompt", ["a\0b", "\ud800", "ok \udfff", "a" * 10_001, 7, ["a"], b"a", {"a": 1}])
@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
def test_row31_what_is_not_text_is_refused_with_words(name, prompt) -> None:
    with pytest.raises(InvalidRequest, match="rompt"):
        settled(**{name: prompt})


@pytest.mark.parametrize(
    "tag",
    ["<lora:../../x:9>", "<lora:/etc/passwd>", "<lora:ink:9>", "<lora:ink:nan>", "<lora:ink:1e400>", "<lora:ink:x>"],
)
def test_row31_a_lora_that_is_no_lora_is_refused_with_words(tag) -> None:
    with pytest.raises(InvalidRequest, match="LoRA"):
        settled(prompt=f"a cat {tag}")
