from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.cards import BIG, LORAS, SMALL, presets, settled
from webui.core.infotext import TEXT_LIMIT, read_infotext, write_infotext
from webui.core.settle import clean_text, settle
from webui.core.settle_photo import PHOTO_LIMITS
from webui.core.types import GenerationRequest, Inpainting, LoraUse, ModelCard, Recipe

TITLES = {lora.id: lora.title for lora in LORAS.values()}
MODELS = (SMALL, BIG)

LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=30)
    | st.sampled_from(
        [
            "Negative prompt: x",
            "Negative prompt:",
            'Steps: 1, Size: 2x2, Seed: 3, "',
            "{}",
            '{"prompt": "x"}',
            "a: b, c: d, e: f",
            "<lora:",
        ]
    ),
    max_size=4,
).map("\n".join)


def written(recipe: Recipe, card: ModelCard = SMALL) -> str:
    return write_infotext(recipe, card.title, "1.2.3", TITLES)


def again(text: str, card: ModelCard = SMALL) -> Recipe:
    request = read_infotext(text).request(presets(), MODELS, LORAS)
    assert request.model == card.id
    return settle(request, card, LORAS, presets(), random.Random(1))[0]


def test_the_text_is_word_for_word_what_a1111_writes() -> None:
    recipe = settled(
        BIG,
        prompt="a cat\non a mat",
        negative_prompt="rain",
        width=512,
        height=768,
        steps=20,
        guidance_scale=7.0,
        sampler="DPM++ 2M Karras",
        seed=42,
        loras=(LoraUse("loras/ink", 0.8),),
    )
    assert written(recipe, BIG) == (
        "a cat\non a mat <lora:Ink Lines:0.8>\n"
        "Negative prompt: rain\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x768, Model: dream, "
        "Version: Easel 1.2.3"
    )


def test_values_with_commas_are_quoted_as_json() -> None:
    text = write_infotext(settled(prompt="a"), 'a, "b": c', "1", {})
    assert 'Model: "a, \\"b\\": c"' in text
    assert read_infotext(text).parameters["Model"] == 'a, "b": c'


@given(LINES, LINES, st.sampled_from([None, "Watercolor", "Golden hour", "Noir"]), st.booleans())
def test_any_text_comes_back_as_the_same_recipe(prompt, negative, style, with_loras) -> None:
    loras = (LoraUse("loras/ink", 0.25), LoraUse("loras/sub/soft", -1.0)) if with_loras else ()
    recipe = settled(prompt=prompt, negative_prompt=negative, style=style, loras=loras, guidance_scale=4.35)
    assert again(written(recipe)) == recipe


@pytest.mark.parametrize("sampler", sorted(presets().samplers))
def test_every_sampler_comes_back(sampler) -> None:
    recipe = settled(prompt="x", sampler=sampler)
    assert again(written(recipe)) == recipe


def test_the_style_is_taken_out_of_the_prompt_again() -> None:
    request = read_infotext(written(settled(prompt="a cat", style="Comic"))).request(presets(), MODELS, LORAS)
    assert (request.prompt, request.negative_prompt, request.style) == ("a cat", "", "Comic")
    foreign = read_infotext("a cat\nSteps: 4, Seed: 1, Size: 64x64, Style: Comic").request(presets(), MODELS, LORAS)
    assert (foreign.prompt, foreign.style) == ("a cat", None)


def test_image_to_image_tells_its_strength() -> None:
    recipe = settled(prompt="x", init_image="photo", strength=0.35)
    assert "Denoising strength: 0.35" in written(recipe)
    assert read_infotext(written(recipe)).request(presets(), MODELS, LORAS).strength == 0.35
    assert "Denoising" not in written(settled(prompt="x"))


@given(
    st.builds(
        Inpainting,
        st.sampled_from(["masked", "whole"]),
        st.integers(0, 4096),
        st.sampled_from(["original", "fill", "noise", "empty"]),
        st.integers(0, 512),
        soft=st.booleans(),
        invert=st.booleans(),
        extend_left=st.integers(0, 300),
        extend_top=st.integers(0, 300),
        extend_right=st.integers(0, 300),
        extend_bottom=st.integers(0, 300),
    ),
    st.floats(0.1, 1.0),
    LINES,
)
def test_how_a_photo_was_repainted_comes_back(inpaint, strength, prompt) -> None:
    recipe = settled(prompt=prompt, init_image="photo", mask_image="mask", inpaint=inpaint, strength=strength)
    found = read_infotext(written(recipe))
    assert found.task == "inpaint"
    told = inpaint if inpaint.area == "masked" else replace(inpaint, padding=0)  # the whole picture has none
    back = found.request(presets(), MODELS, LORAS)
    assert (back.inpaint, back.strength) == (told, recipe.strength)
    photo_again = replace(back, init_image="photo", mask_image="mask")
    assert settle(photo_again, SMALL, LORAS, presets(), random.Random(1))[0] == replace(recipe, inpaint=told)


def test_inpainting_is_told_in_the_words_of_a1111() -> None:
    how = Inpainting(area="masked", padding=32, content="noise", feather=4, invert=True)
    recipe = settled(prompt="x", init_image="photo", mask_image="mask", inpaint=how, strength=0.75)
    assert (
        "Denoising strength: 0.75, Mask blur: 4, Mask mode: Inpaint not masked, Inpaint area: Only masked, "
        "Masked area padding: 32, Masked content: latent noise, Version:" in written(recipe)
    )
    assert "Mask" not in written(settled(prompt="x", init_image="photo", strength=0.75))


def test_a_soft_mask_and_an_extended_photo_are_told_behind_the_words_of_a1111() -> None:
    how = Inpainting(soft=True, extend_left=64, extend_bottom=8)
    text = written(settled(prompt="x", init_image="photo", mask_image="mask", inpaint=how))
    assert (
        "Masked content: original, Soft inpainting enabled: True, Extend left: 64, Extend bottom: 8, Version:" in text
    )
    plain = written(settled(prompt="x", init_image="photo", mask_image="mask"))
    assert "Soft" not in plain and "Extend" not in plain


def test_an_extended_photo_without_a_mask_comes_back() -> None:
    how = Inpainting(extend_right=128)
    found = read_infotext(written(settled(prompt="x", init_image="photo", inpaint=how)))
    assert found.task == "inpaint" and found.request(presets(), MODELS, LORAS).inpaint == how


@pytest.mark.parametrize(
    ("words", "task", "inpaint"),
    [
        ("Denoising strength: 0.5", "image_to_image", None),
        ("Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: Latent", "text_to_image", None),
        ("Denoising strength: 0.5, Mask blur: 4", "inpaint", Inpainting(area="whole", feather=4)),
        (
            "Mask blur: 8, Inpaint area: Only masked, Masked area padding: 32, Masked content: fill",
            "inpaint",
            Inpainting(padding=32, content="fill"),
        ),
        ("Mask blur: -5, Masked content: what, Inpaint area: Moon", "inpaint", Inpainting(area="whole", feather=0)),
        (
            "Soft inpainting enabled: False, Extend top: -8, Extend left: 1e9, Extend right: wide",
            "inpaint",
            Inpainting(area="whole", feather=0, extend_left=PHOTO_LIMITS.extend),
        ),
        ("Model: x", "text_to_image", None),
    ],
)
def test_what_a_picture_of_a1111_came_from(words, task, inpaint) -> None:
    found = read_infotext(f"a cat\nSteps: 20, Seed: 1, Size: 64x64, {words}")
    assert found.task == task
    assert found.request(presets(), MODELS, LORAS).inpaint == inpaint


def test_a_text_of_a1111_is_understood() -> None:
    text = (
        "masterpiece, (a cat:1.2) <lora:ink:0.7> <lora:unknown:1>\nNegative prompt: ugly,\nblurry\n"
        "Steps: 28, Sampler: DPM++ 2M, Schedule type: Automatic, CFG scale: 6.5, Seed: 123, Size: 832x1216, "
        'Model hash: 1234abcd90, Model: dream, Denoising strength: 0.5, Clip skip: 2, Lora hashes: "ink: 12, b: 34", '
        "Version: v1.10.1"
    )
    found = read_infotext(text)
    assert found.parameters["Lora hashes"] == "ink: 12, b: 34"
    request = found.request(presets(), MODELS, LORAS)
    assert request == GenerationRequest(
        prompt="masterpiece, (a cat:1.2)",
        negative_prompt="ugly,\nblurry",
        model=BIG.id,
        loras=(LoraUse("loras/ink", 0.7),),
        width=832,
        height=1216,
        steps=28,
        guidance_scale=6.5,
        sampler="DPM++ 2M Karras",
        seed=123,
        strength=0.5,
    )


@pytest.mark.parametrize(
    ("line", "sampler"),
    [
        ("Sampler: DPM++ 2M Karras", "DPM++ 2M Karras"),
        ("Sampler: DPM++ 2M, Schedule type: Uniform", "DPM++ 2M"),
        ("Sampler: Euler a", "Euler a"),
        ("Sampler: Euler a, Schedule type: Automatic", "Euler a"),
        ("Sampler: DPM++ 2S a, Schedule type: Karras", "DPM++ 2S Karras"),
        ("Sampler: Restart", None),
    ],
)
def test_samplers_of_a1111_old_and_new(line, sampler) -> None:
    assert read_infotext(f"x\nSteps: 1, Seed: 2, {line}").request(presets(), MODELS, LORAS).sampler == sampler


def test_the_json_of_swarm_and_fooocus_is_understood() -> None:
    swarm = {
        "prompt": "a cat",
        "negativeprompt": "rain",
        "model": "dream.safetensors",
        "seed": 5,
        "steps": 9,
        "cfgscale": 3.5,
        "width": 640,
        "height": 512,
        "sampler": "euler_ancestral",
    }
    request = read_infotext(json.dumps({"sui_image_params": swarm})).request(presets(), MODELS, LORAS)
    assert (request.prompt, request.model, request.seed, request.width, request.guidance_scale) == (
        "a cat",
        BIG.id,
        5,
        640,
        3.5,
    )
    fooocus = {
        "prompt": "a dog",
        "negative_prompt": "",
        "resolution": "(1152, 896)",
        "steps": 30,
        "base_model": "dream.safetensors",
    }
    request = read_infotext(json.dumps(fooocus)).request(presets(), MODELS, LORAS)
    assert (request.prompt, request.width, request.height, request.model) == ("a dog", 1152, 896, BIG.id)


@given(
    st.text()
    | LINES
    | st.sampled_from(["{" * 5000, '{"prompt": 5}', "[]", "null", "Steps: 1e999, Seed: ., Size: 0x0, CFG scale: nan"])
)
def test_reading_never_fails(text) -> None:
    read_infotext(text).request(presets(), MODELS, LORAS)


def test_text_without_parameters_is_a_prompt() -> None:
    found = read_infotext("a cat, sitting: still\nNegative prompt: dogs")
    assert (found.prompt, found.negative_prompt, dict(found.parameters)) == ("a cat, sitting: still", "dogs", {})


def test_a_lora_without_a_title_is_called_by_its_file() -> None:
    recipe = replace(settled(prompt="x"), loras=(LoraUse("a/b/c", 1.0),))
    assert "<lora:c:1>" in write_infotext(recipe, "m", "1", {})


@given(LINES)
def test_cleaning_twice_changes_nothing(text) -> None:
    once = clean_text("Prompt", text)
    assert clean_text("Prompt", once) == once


@pytest.mark.parametrize("text", ["a" * 500_000, "a" + " " * 500_000 + "!", "a b-c/" * 90_000, 'k: "' * 100_000])
def test_a_hostile_line_is_read_like_any_other(text: str) -> None:
    """Tried at each character anew, these would take minutes, and nobody else would be served meanwhile."""
    told = read_infotext(text)
    assert not told.parameters
    assert len(told.prompt) <= TEXT_LIMIT


def test_of_a_very_long_text_the_parameters_at_its_end_are_read() -> None:
    told = read_infotext("a fox " * 50_000 + "\nSteps: 20, Sampler: Euler, Seed: 7, Size: 64x64")
    assert told.parameters["Seed"] == "7"
