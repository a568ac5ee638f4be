"""Looks that a composed picture can take on, so that style words and the app's style cards mean something."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from PIL import Image

from models.starter.training import filters, tints

STYLES = Path(__file__).resolve().parents[3] / "presets" / "styles"


@dataclass(frozen=True)
class Look:
    """`captions` have {} for what is seen; so has the prompt of the style card called `card`, which is learnt too."""

    apply: Callable[[Image.Image, Random], Image.Image]
    captions: tuple[str, ...]
    card: str

    def caption(self, of: str, rng: Random) -> str:
        prompt = card_prompts().get(self.card)
        ways = (*self.captions, prompt) if prompt else self.captions
        return rng.choice(ways).replace("{}", of)


@cache
def _cards() -> tuple[Mapping[str, str], ...]:
    return tuple(card for file in sorted(STYLES.glob("*.json")) for card in json.loads(file.read_text("utf-8")))


@cache
def card_prompts() -> Mapping[str, str]:
    """Name of a style card -> its prompt, with {} for what is seen."""
    return {card["name"]: card["prompt"].lower().replace("{prompt}", "{}") for card in _cards()}


@cache
def untaught_prompts() -> tuple[str, ...]:
    """The prompts of the cards whose look is not among LOOKS."""
    taught = {look.card for look in LOOKS.values()}
    return tuple(prompt for card, prompt in card_prompts().items() if card not in taught)


@cache
def card_negatives() -> tuple[str, ...]:
    """What style cards keep out of a picture."""
    return tuple(card["negative_prompt"].lower() for card in _cards() if card["negative_prompt"])


LOOKS: Mapping[str, Look] = {
    "pencil sketch": Look(
        filters.pencil_sketch, ("pencil sketch of {}", "{}, pencil sketch", "a pencil drawing of {}"), "Pencil sketch"
    ),
    "pixel art": Look(filters.pixel_art, ("pixel art of {}", "{}, pixel art", "{}, 8-bit pixel art"), "Pixel art"),
    "watercolor": Look(
        filters.watercolor, ("watercolor painting of {}", "{}, watercolor", "a watercolor of {}"), "Watercolor"
    ),
    "oil painting": Look(filters.oil_painting, ("oil painting of {}", "{}, oil painting"), "Oil painting"),
    "neon": Look(filters.neon, ("neon sign of {}", "{}, neon glow", "{}, neon lights on a dark background"), "Neon"),
    "black and white": Look(
        filters.black_and_white,
        ("black and white picture of {}", "{}, black and white", "{}, monochrome"),
        "Black and white",
    ),
    "vintage": Look(
        filters.vintage, ("vintage picture of {}", "{}, sepia", "{}, vintage photograph, sepia"), "Vintage"
    ),
    "comic": Look(filters.comic, ("comic book drawing of {}", "{}, comic book style"), "Comic"),
    "line art": Look(filters.line_art, ("line art of {}", "{}, line drawing", "a coloring page of {}"), "Line art"),
    "golden hour": Look(tints.golden_hour, ("{}, golden hour", "{} in warm evening light"), "Golden hour"),
    "moonlight": Look(tints.moonlight, ("{}, moonlight, deep blue night",), "Moonlight"),
    "misty morning": Look(tints.misty, ("{}, misty morning", "{} in the fog"), "Misty morning"),
    "stormy": Look(tints.stormy, ("{}, gathering storm, dark clouds",), "Stormy"),
    "candlelight": Look(tints.candlelight, ("{}, candlelight", "{} by candlelight"), "Candlelight"),
    "dreamy": Look(tints.dreamy, ("{}, dreamy pastel haze",), "Dreamy"),
    "noir": Look(tints.noir, ("{}, film noir, hard black shadows",), "Noir"),
    "old master": Look(tints.old_master, ("baroque oil painting of {}, dark background",), "Old master"),
    "charcoal": Look(tints.charcoal, ("charcoal drawing of {}", "{}, charcoal"), "Charcoal"),
    "chalk": Look(tints.chalk, ("chalk drawing of {} on a blackboard",), "Chalk on slate"),
    "blueprint": Look(tints.blueprint, ("blueprint of {}", "{}, white lines on blue"), "Blueprint"),
    "poster": Look(tints.poster, ("poster of {}", "{}, big flat areas of color"), "Poster"),
    "risograph": Look(tints.risograph, ("risograph print of {}, pink and teal ink",), "Risograph"),
    "linocut": Look(tints.linocut, ("linocut print of {}", "woodcut print of {}", "{}, linocut"), "Linocut"),
    "stained glass": Look(tints.stained_glass, ("stained glass window of {}", "{}, stained glass"), "Stained glass"),
    "mosaic": Look(tints.mosaic, ("mosaic of {}", "{}, mosaic of small tiles"), "Mosaic"),
    "photo": Look(tints.photo, ("photo of {}", "a photo of {}", "{}, photo"), "Photo"),
    "portrait photo": Look(tints.portrait, ("portrait photo of {}", "{}, soft window light"), "Portrait photo"),
    "film still": Look(tints.film_still, ("film still of {}", "{}, movie scene"), "Film still"),
    "macro": Look(tints.macro, ("macro photo of {}", "close-up of {}", "{}, extreme close-up"), "Macro"),
    "product shot": Look(tints.product_shot, ("studio photo of {}", "{}, softbox light"), "Product shot"),
    "glitch": Look(tints.glitch, ("glitch art of {}", "{}, glitch, split color channels"), "Glitch"),
}
