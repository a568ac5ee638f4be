"""Looks that a composed picture can take on, so that style words and the app's style cards mean something."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from PIL import Image

from models.starter.training import crafts, filters, paints, tints

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
    "linocut": Look(tints.linocut, ("linocut print of {}", "{}, linocut"), "Linocut"),
    "stained glass": Look(tints.stained_glass, ("stained glass window of {}", "{}, stained glass"), "Stained glass"),
    "mosaic": Look(tints.mosaic, ("mosaic of {}", "{}, mosaic of small tiles"), "Mosaic"),
    "photo": Look(tints.photo, ("photo of {}", "a photo of {}", "{}, photo"), "Photo"),
    "portrait photo": Look(tints.portrait, ("portrait photo of {}", "{}, soft window light"), "Portrait photo"),
    "film still": Look(tints.film_still, ("film still of {}", "{}, movie scene"), "Film still"),
    "macro": Look(tints.macro, ("macro photo of {}", "close-up of {}", "{}, extreme close-up"), "Macro"),
    "product shot": Look(tints.product_shot, ("studio photo of {}", "{}, softbox light"), "Product shot"),
    "glitch": Look(tints.glitch, ("glitch art of {}", "{}, glitch, split color channels"), "Glitch"),
    "instant photo": Look(paints.instant_photo, ("instant photo of {}", "polaroid of {}"), "Instant photo"),
    "gouache": Look(paints.gouache, ("gouache painting of {}", "{}, gouache"), "Gouache"),
    "impressionist": Look(paints.impressionist, ("impressionist painting of {}", "{}, impressionism"), "Impressionist"),
    "ink wash": Look(paints.ink_wash, ("ink wash painting of {}", "{}, ink wash"), "Ink wash"),
    "fresco": Look(paints.fresco, ("fresco of {}", "{}, old fresco"), "Fresco"),
    "palette knife": Look(paints.palette_knife, ("palette knife painting of {}",), "Palette knife"),
    "colored pencil": Look(
        paints.colored_pencil, ("colored pencil drawing of {}", "{}, crayon drawing"), "Colored pencil"
    ),
    "pen and ink": Look(paints.pen_and_ink, ("pen and ink drawing of {}", "{}, cross-hatching"), "Pen and ink"),
    "storybook": Look(paints.storybook, ("storybook illustration of {}", "{}, children's book"), "Storybook"),
    "flat design": Look(paints.flat_design, ("flat vector illustration of {}", "{}, vector art"), "Flat design"),
    "concept art": Look(paints.concept_art, ("concept art of {}", "{}, concept art"), "Concept art"),
    "anime": Look(paints.anime, ("anime picture of {}", "{}, anime style", "{}, cartoon"), "Anime"),
    "woodcut": Look(paints.woodcut, ("woodcut print of {}", "{}, woodcut", "{}, engraving"), "Woodcut"),
    "screen print": Look(paints.screen_print, ("screen print of {}", "{}, pop art", "{}, halftone"), "Screen print"),
    "woodblock": Look(paints.woodblock, ("japanese woodblock print of {}", "{}, ukiyo-e"), "Woodblock landscape"),
    "botanical plate": Look(paints.botanical_plate, ("botanical plate of {}",), "Botanical plate"),
    "tattoo": Look(paints.tattoo, ("tattoo design of {}", "{}, tattoo"), "Tattoo design"),
    "3d render": Look(crafts.render_3d, ("{}, studio render",), "3D render"),
    "low poly": Look(crafts.low_poly, ("low poly model of {}", "{}, low poly"), "Low poly"),
    "isometric": Look(crafts.isometric, ("isometric view of {}", "{}, isometric"), "Isometric"),
    "clay": Look(crafts.clay, ("clay figure of {}", "{}, claymation"), "Clay figure"),
    "paper cut": Look(crafts.paper_cut, ("paper cut art of {}", "{}, paper cut"), "Paper cut"),
    "origami": Look(crafts.origami, ("origami of {}", "{}, origami"), "Origami"),
    "felt": Look(crafts.felt, ("felted wool toy of {}", "{}, felt", "{}, knitted"), "Felt and yarn"),
    "embroidery": Look(crafts.embroidery, ("embroidery of {}", "{}, embroidery"), "Embroidery"),
    "wood carving": Look(crafts.wood_carving, ("wood carving of {}", "{}, carved in wood"), "Wood carving"),
    "emoji": Look(crafts.emoji, ("{} as an emoji",), "Emoji"),
    "sticker": Look(crafts.sticker, ("sticker of {}", "{}, sticker"), "Sticker"),
    "toy bricks": Look(crafts.toy_bricks, ("{} built from toy bricks", "{}, toy bricks"), "Toy bricks"),
    "plush": Look(crafts.plush, ("plush toy of {}", "{}, plush toy"), "Plush toy"),
    "balloon": Look(crafts.balloon, ("balloon sculpture of {}",), "Balloon"),
    "gingerbread": Look(crafts.gingerbread, ("gingerbread cookie of {}", "{}, gingerbread"), "Gingerbread"),
    "tiny world": Look(crafts.tiny_world, ("tiny model of {} inside a glass jar", "{} in a jar"), "Tiny world"),
}
