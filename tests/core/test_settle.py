from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.cards import BIG, LORAS, PRESETS, SMALL, presets, settled
from webui.core.errors import InvalidRequest, TooMuchAsked, UserError, WrongFamily
from webui.core.presets import load_presets
from webui.core.settle import LIMITS, settle, shape_size
from webui.core.types import Defaults, Fault, GenerationRequest, Inpainting, LoraUse, Recipe


def test_an_empty_request_gets_everything_from_the_model() -> None:
    recipe, count = settle(GenerationRequest(), SMALL, {}, presets(), random.Random(3))
    assert (recipe.width, recipe.height, recipe.steps, recipe.guidance_scale) == (256, 256, 12, 5.0)
    assert (recipe.model, recipe.sampler, recipe.strength, recipe.task, count) == (
        "starter",
        "DDIM",
        1.0,
        "text_to_image",
        1,
    )


def test_the_seed_is_drawn_from_the_given_chance_and_kept_when_said() -> None:
    drawn = [settled(seed=seed).seed for seed in (None, -1)]
    assert drawn[0] == drawn[1] == random.Random(0).randrange(2**32)
    assert settled(seed=2**32 - 1).seed == 2**32 - 1
    assert settled(seed=0).seed == 0


def test_sizes_become_multiples_of_8_within_the_models_limits() -> None:
    recipe = settled(width=253, height=508)
    assert (recipe.width, recipe.height) == (256, 512)
    assert settled(steps=20.0).steps == 20
    odd = replace(SMALL, defaults=Defaults(256, 256, 12, 5.0, "DDIM", 130, 509))
    assert (settled(odd, width=130, height=509).width, settled(odd, width=130, height=509).height) == (136, 504)


@pytest.mark.parametrize("card", [SMALL, BIG], ids=["small", "big"])
@pytest.mark.parametrize("name", ["Square", "Portrait", "Landscape", "Wide", "Tall"])
def test_a_shape_keeps_ratio_and_area_near_and_fits_the_network(card, name) -> None:
    shape = presets().shapes[name]
    recipe = settled(card, shape=name)
    grid = 64 if card is BIG else 32
    assert recipe.width % grid == recipe.height % grid == 0
    assert abs(recipe.width / recipe.height / (shape.ratio_w / shape.ratio_h) - 1) < 0.08
    assert 0.8 < recipe.width * recipe.height / card.defaults.width**2 < 1.2
    assert (
        card.defaults.min_side
        <= min(recipe.width, recipe.height)
        <= max(recipe.width, recipe.height)
        <= card.defaults.max_side
    )


def test_on_a_coarse_grid_every_shape_is_another_size() -> None:
    tiny = replace(SMALL, defaults=Defaults(128, 128, 12, 4.0, "DDIM", 64, 512))
    sizes = {name: shape_size(shape.ratio_w / shape.ratio_h, tiny) for name, shape in presets().shapes.items()}
    assert len(set(sizes.values())) == len(sizes) == 5, sizes
    assert all(side % 32 == 0 for size in sizes.values() for side in size)
    assert sizes["Portrait"] == (128, 192) and sizes["Wide"] == (160, 96)


@given(ratio=st.floats(0.01, 100), low=st.integers(8, 512), base=st.integers(64, 1500), more=st.integers(0, 1000))
def test_a_shape_never_leaves_the_limits(ratio, low, base, more) -> None:
    card = replace(SMALL, defaults=Defaults(base, base, 12, 5.0, "DDIM", min(low, base), base + more))
    for side in shape_size(ratio, card):
        assert card.defaults.min_side <= side <= card.defaults.max_side


def test_a_shape_goes_by_name_or_ratio_and_a_said_side_wins() -> None:
    assert settled(shape="16:9") == settled(shape="wide") == settled(shape="Wide 16:9")
    assert settled(shape="Wide", height=256).height == 256
    with pytest.raises(InvalidRequest, match="no shape called"):
        settled(shape="Hexagon")


def test_a_style_is_worked_into_both_prompts_and_remembered() -> None:
    recipe = settled(prompt="a cat", negative_prompt="rain", style="watercolor")
    style = presets().styles["Watercolor"]
    assert recipe.prompt == style.prompt.replace("{prompt}", "a cat")
    assert recipe.negative_prompt == f"rain, {style.negative_prompt}"
    assert recipe.style == "Watercolor"
    assert settled(prompt="a cat", style="None").prompt == settled(prompt="a cat", style="").prompt == "a cat"
    with pytest.raises(InvalidRequest, match="no style called"):
        settled(style="Cubist dog")


def test_samplers_go_by_name_or_alias() -> None:
    assert settled(sampler="dpm++ 2m karras").sampler == settled(sampler="k_dpmpp_2m_ka").sampler == "DPM++ 2M Karras"
    assert settled(sampler="").sampler == "DDIM"
    with pytest.raises(InvalidRequest, match="no sampler called"):
        settled(sampler="Zebra")


def test_loras_in_the_prompt_are_taken_out_and_used() -> None:
    recipe = settled(prompt="a cat <lora:INK:0.5> on a mat <lora:Soft_ light_ warm>")
    assert recipe.prompt == "a cat on a mat"
    assert recipe.loras == (LoraUse("loras/ink", 0.5), LoraUse("loras/sub/soft", 1.0))
    twice = settled(prompt="<lora:ink lines:0.7>", loras=(LoraUse("loras/ink", 0.2),))
    assert (twice.prompt, twice.loras) == ("", (LoraUse("loras/ink", 0.7),))


def test_a_lora_that_is_not_there_or_does_not_fit_is_named() -> None:
    with pytest.raises(InvalidRequest, match="“nobody”"):
        settled(prompt="a <lora:nobody:1>")
    with pytest.raises(WrongFamily, match=r"Big one.*sdxl.*Easel starter.*sd1"):
        settled(loras=(LoraUse("loras/xl"),))


def test_a_model_or_lora_with_a_problem_is_refused_with_that_problem() -> None:
    fault = Fault("model_broken", "The file is cut off.", "Copy it again.", "refresh", "Look again", 422)
    with pytest.raises(UserError) as caught:
        settled(replace(SMALL, problem=fault))
    assert caught.value.fault == fault
    with pytest.raises(UserError, match="cut off"):
        settle(
            GenerationRequest(loras=(LoraUse("loras/ink"),)),
            SMALL,
            {"loras/ink": replace(LORAS["loras/ink"], problem=fault)},
            presets(),
            random.Random(0),
        )


def test_a_photo_brings_a_strength_of_at_least_one_step() -> None:
    assert settled(init_image="photo").strength == 0.6
    assert settled(strength=0.3).strength == 1.0, "without a photo everything is drawn anew"
    assert settled(init_image="photo", mask_image="mask").task == "inpaint"
    for steps in range(1, 151):
        strength = settled(init_image="photo", strength=0.0, steps=steps).strength
        assert int(steps * strength) == 1, steps
    with pytest.raises(InvalidRequest, match="no photo to repaint"):
        settled(mask_image="mask")
    with pytest.raises(InvalidRequest, match="cannot start from a photo"):
        settled(replace(SMALL, tasks=frozenset({"text_to_image"})), init_image="photo")


@given(st.integers(1, 16), st.integers(1, 150), st.integers(64, 256), st.integers(64, 256))
def test_what_the_ceiling_offers_is_really_allowed(count, steps, width, height) -> None:
    asked = {"count": count, "steps": steps, "width": width * 8, "height": height * 8}
    try:
        recipe = settled(BIG, **asked)
        assert recipe.width * recipe.height * steps * count <= LIMITS.work
    except TooMuchAsked as refusal:
        assert asked["width"] * asked["height"] * steps * count > LIMITS.work
        if refusal.fix:
            verb, _, much = refusal.fix.partition(":")
            names = {"size": ("width", "height"), "count": ("count",), "steps": ("steps",)}[verb]
            offered = dict(zip(names, map(int, much.split("x")), strict=True))
            recipe = settled(BIG, **asked | offered)
            assert verb != "size" or recipe.width == offered["width"]


def test_the_models_own_negative_prompt_speaks_where_none_is_given() -> None:
    card = replace(SMALL, defaults=replace(SMALL.defaults, negative_prompt="blurry"))
    assert settled(card).negative_prompt == "blurry"
    assert settled(card, negative_prompt="rain").negative_prompt == "rain"


def test_a_photo_is_redrawn_with_as_many_pixels_as_the_model_wants_for_it() -> None:
    tiny = replace(SMALL, defaults=Defaults(128, 128, 12, 4.0, "DDIM", 64, 512, photo_side=256))

    def size(**asked: Any) -> tuple[int, int]:
        recipe, _ = settle(GenerationRequest("a cat", **asked), tiny, LORAS, presets(), random.Random(0), (600, 400))
        return recipe.width, recipe.height

    assert size() == (128, 128)
    width, height = size(init_image="p")
    assert abs(width * height / 256**2 - 1) < 0.1 and width > height
    assert size(init_image="p", resize="crop", shape="Square") == (256, 256)
    width, height = size(init_image="p", mask_image="m")
    assert abs(width * height / 128**2 - 1) < 0.1
    assert size(init_image="p", width=192, height=128) == (192, 128)


def test_what_is_kept_of_a_large_photo_counts_too() -> None:
    """However little of it is drawn: sixteen pictures of 64 megapixels would fill memory and disk."""
    spot = GenerationRequest("a door", init_image="u1", mask_image="u2", steps=1)
    assert settle(replace(spot, count=4), SMALL, {}, presets(), random.Random(1), (8000, 8000))[1] == 4
    with pytest.raises(TooMuchAsked, match="16 pictures of 8000"):
        settle(replace(spot, count=16), SMALL, {}, presets(), random.Random(1), (8000, 8000))
    extended = replace(spot, count=16, inpaint=Inpainting(extend_right=4000))
    with pytest.raises(TooMuchAsked):
        settle(extended, SMALL, {}, presets(), random.Random(1), (4000, 3000))


STYLED = """name,prompt,negative_prompt
Inked,"{prompt}, ink drawing <lora:ink:0.8>",
Torn,"torn paper <lora:nobody>",
"""


def _with_style(tmp_path: Path, **asked: Any) -> Recipe:
    (tmp_path / "styles.csv").write_text(STYLED, "utf-8")
    both = load_presets(PRESETS, tmp_path)
    return settle(GenerationRequest(**asked), SMALL, LORAS, both, random.Random(0))[0]


def test_a_style_brings_the_loras_that_its_file_names(tmp_path: Path) -> None:
    """As the styles.csv of A1111 does; what is said beside it about the same LoRA wins."""
    recipe = _with_style(tmp_path, prompt="a cat", style="Inked")
    assert (recipe.prompt, recipe.loras) == ("a cat, ink drawing", (LoraUse("loras/ink", 0.8),))
    assert _with_style(tmp_path, prompt="a cat <lora:ink:0.3>", style="Inked").loras == (LoraUse("loras/ink", 0.3),)
    again = _with_style(tmp_path, prompt=recipe.prompt, loras=recipe.loras)
    assert (again.prompt, again.loras) == (recipe.prompt, recipe.loras)
    with pytest.raises(InvalidRequest, match="nobody") as told:
        _with_style(tmp_path, prompt="a cat", style="Torn")
    assert "style" in told.value.hint


@pytest.mark.parametrize("name", ["LCM", "TCD", "LMS Karras"])
def test_a_sampler_that_comes_apart_in_many_steps_says_how_many_it_takes(name: str) -> None:
    with pytest.raises(TooMuchAsked, match=name) as told:
        settled(sampler=name, steps=150)
    most = int(told.value.fix.removeprefix("steps:"))
    assert settled(sampler=name, steps=most).steps == most


def test_too_much_of_a_photo_is_mended_by_fewer_pictures_not_by_another_size() -> None:
    """The photo gives the size."""
    spot = {"init_image": "photo", "mask_image": "mask", "inpaint": Inpainting(area="whole")}
    with pytest.raises(TooMuchAsked) as told:
        settled(BIG, **spot, width=2048, height=2048, steps=150, count=16)
    verb, _, most = told.value.fix.partition(":")
    assert verb == "count"
    assert settle(
        GenerationRequest(**spot, width=2048, height=2048, steps=150, count=int(most)),
        BIG,
        LORAS,
        presets(),
        random.Random(0),
    )[1] == int(most)


def test_a_recipe_of_a_newer_easel_opens() -> None:
    recipe = settled(loras=(LoraUse("loras/ink", 0.5),))
    newer = recipe.to_dict()
    newer["mood"] = newer["loras"][0]["mood"] = newer["inpaint"]["mood"] = "glad"
    assert Recipe.from_dict(newer) == recipe
