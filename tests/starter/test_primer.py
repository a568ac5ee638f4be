"""The first course: things always in the same place, and captions that say what is to be seen."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.starter.training.colours import GROUNDS, HUES, colour_of, painted, recoloured
from models.starter.training.compose import Composed
from models.starter.training.looks import LOOKS as FILTERS
from models.starter.training.looks import card_negatives, card_prompts
from models.starter.training.primer import LOOKS, STAGES, Primer, stage
from models.starter.training.scenes import PLACES
from models.starter.training.sprites import Sprites
from models.starter.training.vocabulary import ASIDES, IDLE, MORE, THINGS
from webui.ui import txt2img
from webui.ui.desk import PLACES as APP_PLACES
from webui.ui.desk import SUBJECTS

KNOWN = {word for name in ("red apple", "star", "bus") for word in THINGS[name]}
EMPTY_PLACES = {words for place in PLACES.values() for words in place.words}
PHOTO = {"green field", "a green field"}
KEPT_OUT = set(card_negatives())


@pytest.fixture(scope="module")
def primer(data: Path) -> Primer:
    return Primer(Sprites(data))


@pytest.fixture(scope="module")
def made(primer: Primer) -> list[Composed]:
    return [primer.picture(64, 64, seed) for seed in range(400)]


def _plain(caption: str) -> bool:
    """Whether a caption speaks of one thing on white and of nothing that shows beside it."""
    if caption in KEPT_OUT or _filtered(caption):
        return False
    caption = _without_asides(caption)
    unsaid = (" and ", " next to ", " with ", "background", *EMPTY_PLACES, *PHOTO)
    return not any(part in caption for part in unsaid)


def _without_asides(caption: str) -> str:
    """The caption without the words around it that change nothing; once, since the primer adds them once."""
    ways = [way.split("{}") for way in ASIDES]
    for before, after in sorted(ways, key=lambda way: -len("".join(way))):
        if caption.startswith(before) and caption.endswith(after):
            return caption.removeprefix(before).removesuffix(after)
    return caption


def _filtered(caption: str) -> bool:
    ways = [way.split("{}") for look in FILTERS.values() for way in (*look.captions, card_prompts()[look.card])]
    return any(caption.startswith(before) and caption.endswith(after) for before, after in ways)


def test_a_seed_always_gives_the_same_picture(primer: Primer) -> None:
    first, words = primer.batch(48, 32, range(20))
    again, same_words = primer.batch(48, 32, range(20), threads=2)
    assert np.array_equal(first, again)
    assert words == same_words


def test_captions_name_the_thing_or_the_place(made: list[Composed]) -> None:
    seen = set()
    for picture in made:
        named = {thing for thing in KNOWN if thing in picture.caption}
        other = picture.caption in EMPTY_PLACES | PHOTO | KEPT_OUT or _filtered(picture.caption)
        assert named or other or any(hue in picture.caption for hue in HUES)
        seen |= named
    assert seen == KNOWN


def test_a_ground_has_the_colour_that_is_said(made: list[Composed]) -> None:
    """The corners show the ground: nothing reaches them."""
    seen = 0
    grounds = {**GROUNDS, "white": (255, 255, 255)}
    for picture in made:
        caption = _without_asides(picture.caption)
        if caption.endswith(" background") and not _filtered(picture.caption) and picture.caption not in KEPT_OUT:
            name = max((n for n in grounds if f"{n} background" in caption), key=len)
            assert np.abs(np.asarray(picture.image, int)[0, 0] - grounds[name]).max() <= 7
            seen += 1
    assert seen > 20


def test_a_place_is_one_stage_in_every_picture(primer: Primer) -> None:
    """What differs from picture to picture without a word for it comes out as a blur."""
    assert set(STAGES) == set(PLACES)
    of = {said: place for place, where in PLACES.items() for said in where.words}
    seen = set()
    for seed in range(1200):
        made = primer.picture(48, 32, seed)
        if made.caption in of:
            place = of[made.caption]
            assert np.array_equal(np.asarray(made.image), np.asarray(stage(place, 48, 32).image))
            seen.add(place)
    assert len(seen) > 12


def test_things_are_sometimes_called_by_their_colour_alone(primer: Primer) -> None:
    """So that a colour as a negative prompt means the colour and nothing else."""
    alone = []
    for seed in range(8000):
        made = primer.picture(32, 32, seed)
        if made.caption in HUES:
            shown = made.image.convert("RGBA")
            shown.putalpha(made.image.convert("L").point(lambda light: 255 * (light < 240)))
            alone.append((made.caption, colour_of(shown)))
        if len(alone) == 4:
            break
    assert len(alone) == 4
    assert all(seen in (said, None) for said, seen in alone)
    assert any(seen == said for said, seen in alone)


def _inked(image: Image.Image, columns: slice = slice(None)) -> tuple[int, int, int, int]:
    inked = np.asarray(image)[:, columns].min(-1) < 200
    rows, at = np.where(inked.any(1))[0], np.where(inked.any(0))[0]
    return rows[0], rows[-1], at[0], at[-1]


def test_a_thing_always_stands_in_the_same_place(made: list[Composed]) -> None:
    boxes = {_inked(picture.image) for picture in made if _plain(picture.caption)}
    assert 1 <= len(boxes) <= 3  # an outline for each of the three things


def test_of_two_things_the_first_is_on_the_left(primer: Primer) -> None:
    seen = 0
    for seed in range(3000):
        made = primer.picture(64, 64, seed)
        if "blue bus" in made.caption and "red apple" in made.caption and not _filtered(made.caption):
            left, right = (np.asarray(made.image)[32, x].astype(int) for x in (17, 46))
            blue, red = (left, right) if made.caption.index("bus") < made.caption.index("apple") else (right, left)
            assert blue.argmax() == 2
            assert red.argmax() == 0
            seen += 1
            if seen == 2:
                return
    pytest.fail("the two were hardly ever seen together")


def test_words_that_change_nothing_change_nothing(made: list[Composed]) -> None:
    """How people ask comes with the same pictures as bare names."""
    plain = [picture for picture in made if _plain(picture.caption)]
    asides = [picture for picture in plain if _without_asides(picture.caption) != picture.caption]
    idle = [picture for picture in plain if any(f"{word} " in picture.caption for word in IDLE)]
    assert asides
    assert idle
    boxes = {_inked(picture.image) for picture in plain if picture not in asides and picture not in idle}
    assert {_inked(picture.image) for picture in (*asides, *idle)} <= boxes


def test_what_cards_keep_out_says_nothing_of_the_picture(primer: Primer) -> None:
    """So a card's negative prompt, unless it names what is known, pulls a picture nowhere."""
    pictures = [made.image for seed in range(1500) if (made := primer.picture(16, 16, seed)).caption in KEPT_OUT]
    assert 10 < len(pictures) < 60
    corners = {picture.getpixel((0, 0)) for picture in pictures}
    assert len(corners) > 3


def test_a_colour_is_called_by_its_name() -> None:
    red, seen = Image.new("RGBA", (32, 32), (235, 40, 40, 255)), set()
    for seed in range(80):
        picture, said = recoloured(red, random.Random(seed))  # type: ignore[misc]
        assert colour_of(picture) == said
        seen.add(said)
    assert seen == set(HUES)
    assert colour_of(Image.new("RGBA", (8, 8), (120, 70, 20, 255))) == "brown"
    assert colour_of(Image.new("RGBA", (8, 8), (128, 128, 128, 255))) is None


def test_a_thing_of_many_hues_can_be_painted_in_one() -> None:
    many = Image.new("RGBA", (32, 32), (235, 40, 40, 255))
    many.paste((40, 60, 235, 255), (0, 0, 16, 32))
    assert recoloured(many, random.Random(0)) is None
    for seed in range(20):
        picture, said = painted(many, random.Random(seed))  # type: ignore[misc]
        assert colour_of(picture) == said
        assert picture.getchannel("A") == many.getchannel("A")
    grey = Image.new("RGBA", (32, 32), (128, 128, 128, 255))
    grey.paste((40, 60, 235, 255), (0, 0, 4, 32))
    assert painted(grey, random.Random(0)) is None


def test_no_word_means_two_things() -> None:
    """What is taught first keeps its words: a cat is not at one time a face and at another the whole animal."""
    known, more = ({word for words in part.values() for word in words} for part in (THINGS, MORE))
    assert not known & more
    assert not set(THINGS) & set(MORE)


def test_what_is_not_taught_by_name_is_called_what_the_data_calls_it(data: Path) -> None:
    sprites = Sprites(data)
    source = next(iter(LOOKS))
    circles = [s for s in sprites.all if s.name == "red circle"]
    sprites.all += [type(s)(**{**vars(s), "source": source}) for s in circles]
    captions = {Primer(sprites).picture(32, 32, seed).caption for seed in range(200)}
    assert "a red circle" in captions


def test_data_without_the_things_is_refused(data: Path) -> None:
    sprites = Sprites(data)
    sprites.all = [sprite for sprite in sprites.all if sprite.source not in LOOKS]
    with pytest.raises(ValueError, match="first course"):
        Primer(sprites)


@pytest.mark.parametrize("idea", [*txt2img.IDEAS, *(f"{what} {where}" for what in SUBJECTS for where in APP_PLACES)])
def test_what_the_page_proposes_is_taught(idea: str) -> None:
    """A newcomer's first taps, "Surprise me" among them, show what the starter can do."""
    grounds = {f"on a {ground} background" for ground in GROUNDS}
    place = max((words for words in EMPTY_PLACES | grounds if idea.endswith(" " + words)), key=len)
    what = re.sub(r"^an? ", "", idea.removesuffix(place).strip())
    colour = next((colour for colour in HUES if what.startswith(colour + " ")), "")
    assert what.removeprefix(colour).strip() in {word for words in THINGS.values() for word in words}


def test_it_tells_what_it_has_names_for(primer: Primer) -> None:
    names = primer.names()
    assert set(names) >= KNOWN | EMPTY_PLACES
    assert names == sorted(set(names))
