"""Our prompt encoding against diffusers' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.drawing import card_of, families
from tests.tiny import TinyModels
from webui.families.base import Family


@pytest.fixture(scope="module", params=["sd", "xl"])
def loaded(request: pytest.FixtureRequest, tiny_models: TinyModels) -> tuple[Family, Any]:
    known = families(tiny_models)
    card = card_of(getattr(tiny_models, request.param), known)
    family = next(f for f in known if f.name == card.family)
    return family, family.load(card, torch.float32)


@pytest.mark.parametrize("negative", ["", "blurry, dark"])
def test_without_weights_it_is_exactly_diffusers(loaded: tuple[Family, Any], negative: str) -> None:
    family, pipe = loaded
    ours = family.encode(pipe, "a photo of a cat, 8k", negative, 7.0).arguments
    guided: dict[str, Any] = {"device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": True}
    theirs = pipe.encode_prompt(
        "a photo of a cat, 8k", negative_prompt=negative or (None if family.name == "sdxl" else ""), **guided
    )
    names = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
    for name, tensor in zip(names, theirs, strict=False):
        assert torch.equal(ours[name], tensor), name


def test_weights_and_their_mean(loaded: tuple[Family, Any]) -> None:
    family, pipe = loaded
    plain, weighted, nested = (
        family.encode(pipe, text, "", 1.0).arguments["prompt_embeds"]
        for text in ("a red cat", "a (red:1.5) cat", "a ((red)) cat")
    )
    assert not torch.equal(plain, weighted) and not torch.equal(weighted, nested)
    assert plain.shape == weighted.shape == (1, 77, plain.shape[2])


def test_long_prompts_are_read_to_their_end_and_both_are_of_one_length(loaded: tuple[Family, Any]) -> None:
    family, pipe = loaded
    long = "word " * 100
    one = family.encode(pipe, long + "cat", "dark", 7.0).arguments
    other = family.encode(pipe, long + "dog", "dark", 7.0).arguments
    assert one["prompt_embeds"].shape[1] == one["negative_prompt_embeds"].shape[1] == 154
    assert not torch.equal(one["prompt_embeds"], other["prompt_embeds"])
    assert family.encode(pipe, "a BREAK b", "", 1.0).arguments["prompt_embeds"].shape[1] == 154


def test_without_guidance_there_is_no_negative_prompt(loaded: tuple[Family, Any]) -> None:
    family, pipe = loaded
    assert not any("negative" in name for name in family.encode(pipe, "a cat", "dark", 1.0).arguments)


def test_the_starters_encoder_takes_32_tokens_at_once(starter: Path, tiny_models: TinyModels) -> None:
    family = families(tiny_models)[0]
    pipe = family.load(card_of(starter, (family,)), torch.float32)
    assert family.encode(pipe, "word " * 40, "", 4.0).arguments["prompt_embeds"].shape == (1, 64, 256)
