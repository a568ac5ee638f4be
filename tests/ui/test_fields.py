"""The page's fields and a GenerationRequest, both ways."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from webui.core.errors import InvalidRequest
from webui.core.presets import Presets, Style, load_presets
from webui.core.settle import settle
from webui.core.types import ComponentSizes, Defaults, GenerationRequest, LoraUse, ModelCard
from webui.ui.fields import fields_from, request_from, with_style

ROOT = Path(__file__).resolve().parents[2]
CARD = ModelCard(
    "starter", "Starter", "sd", "", "folder", ComponentSizes(1, 1, 1), Defaults(256, 256, 12, 4.0, "Euler", 128, 512)
)


@pytest.fixture(scope="module")
def presets() -> Presets:
    return load_presets(ROOT / "presets", None)


def test_what_gradio_sends_for_untouched_widgets_asks_for_nothing() -> None:
    untouched = {
        "prompt": "",
        "style": "",
        "shape": "",
        "count": 1,
        "steps": "",
        "guidance_scale": "",
        "sampler": "",
        "seed": {"seed": None, "locked": False},
        "model": "",
        "loras": [],
    }
    assert request_from(untouched) == GenerationRequest(count=1)


def test_a_seed_counts_only_while_it_is_locked() -> None:
    assert request_from({"seed": {"seed": 7, "locked": True}}).seed == 7
    assert request_from({"seed": {"seed": 7, "locked": False}}).seed is None


def test_a_size_of_its_own_is_asked_for_in_pixels() -> None:
    request = request_from({"shape": "640x448"})
    assert (request.shape, request.width, request.height) == (None, 640, 448)


@pytest.mark.parametrize("name", ["steps", "count", "guidance_scale", "seed", "sampler", "style", "model", "loras"])
@pytest.mark.parametrize("junk", [[], {"a": 1}, "x\0", -3, 1e300, True])
def test_junk_from_a_browser_is_refused_in_words_or_ignored(presets: Presets, name: str, junk: object) -> None:
    request = request_from({"prompt": "a cat", name: junk})
    try:
        recipe, count = settle(request, CARD, {}, presets, random.Random(0))
    except InvalidRequest as error:
        assert error.message
    else:
        assert recipe.prompt.startswith("a cat") and 1 <= count <= 16


def test_every_recipe_comes_back_as_the_fields_that_ask_for_it(presets: Presets) -> None:
    for style in list(presets.styles)[:10]:
        for shape in presets.shapes:
            values = {
                "prompt": "a red apple",
                "negative_prompt": "blur",
                "style": style,
                "shape": shape,
                "count": 1,
                "steps": 9,
                "guidance_scale": 3.5,
                "sampler": "Heun",
                "seed": {"seed": 5, "locked": True},
                "model": "starter",
                "loras": [],
            }
            recipe, _ = settle(request_from(values), CARD, {}, presets, random.Random(0))
            drawn = GenerationRequest(
                prompt=recipe.prompt,
                negative_prompt=recipe.negative_prompt,
                model=recipe.model,
                width=recipe.width,
                height=recipe.height,
                count=1,
                steps=recipe.steps,
                guidance_scale=recipe.guidance_scale,
                sampler=recipe.sampler,
                seed=recipe.seed,
            )
            fields = fields_from(with_style(drawn, presets, style), presets, CARD)
            assert fields == values | {"seed": 5}
            again, _ = settle(request_from(fields), CARD, {}, presets, random.Random(1))
            assert again == recipe


def test_a_style_whose_words_have_changed_stays_in_the_prompt() -> None:
    presets = Presets({"Ink": Style("Ink", "{prompt}, in ink")}, {}, {})
    drawn = GenerationRequest(prompt="a cat, as ink wash")
    assert with_style(drawn, presets, "Ink") == drawn
    assert with_style(drawn, presets, "Gone") == drawn


def test_a_size_that_no_shape_has_is_shown_as_it_is(presets: Presets) -> None:
    fields = fields_from(GenerationRequest(width=200, height=136), presets, CARD)
    assert fields["shape"] == "200x136"
    assert fields_from(GenerationRequest(), presets, CARD).get("shape") is None


def test_loras_keep_their_weights(presets: Presets) -> None:
    request = GenerationRequest(loras=(LoraUse("ink", 0.6),))
    assert request_from(fields_from(request, presets, CARD)).loras == request.loras
