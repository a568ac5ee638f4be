"""Sizes, crops and bands: always inside, never stretched more than a grid's worth, covering what they must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.cards import BIG, SMALL, settled
from webui.core.errors import InvalidRequest, TooMuchAsked
from webui.core.geometry import GRID, canvas_of, drawing_size, fit_inside, passes, place, region_around
from webui.core.types import Defaults, GenerationRequest, Inpainting, Recipe

MODELS = st.sampled_from([SMALL.defaults, BIG.defaults, Defaults(512, 512, 25, 7.0, "Euler", 256, 1024)])
SIDE = st.integers(1, 8000)
SIZE = st.tuples(SIDE, SIDE)


def box_in(size: tuple[int, int], data: st.DataObject) -> tuple[int, int, int, int]:
    left, top = data.draw(st.integers(0, size[0] - 1)), data.draw(st.integers(0, size[1] - 1))
    return left, top, data.draw(st.integers(left + 1, size[0])), data.draw(st.integers(top + 1, size[1]))


@given(SIZE, MODELS)
def test_a_drawing_size_is_what_the_model_can(photo: tuple[int, int], model: Defaults) -> None:
    width, height = drawing_size(photo[0] / photo[1], model)
    assert width % GRID == height % GRID == 0
    assert model.min_side <= min(width, height) and max(width, height) <= model.max_side
    ratio = photo[0] / photo[1]
    limit = model.max_side / model.min_side
    if 0.6 < ratio < 1.6 and limit > 2:
        assert abs(width / height / ratio - 1) < 0.06
        assert 0.85 < width * height / (model.width * model.height) < 1.15


@given(SIZE, MODELS, st.data())
def test_fitting_twice_is_fitting_once(photo: tuple[int, int], model: Defaults, data: st.DataObject) -> None:
    sides = st.integers(model.min_side // 8, model.max_side // 8).map(lambda n: n * 8)
    once = fit_inside(photo, (data.draw(sides), data.draw(sides)), model)
    assert fit_inside(photo, once, model) == once


@given(SIZE, st.tuples(st.integers(8, 256), st.integers(8, 256)).map(lambda s: (s[0] * 8, s[1] * 8)))
def test_a_photo_is_placed_whole_or_cut_in_the_middle(photo: tuple[int, int], size: tuple[int, int]) -> None:
    filled = place(photo, size, "fill")
    assert filled.source == (0, 0, *photo)
    left, top, right, bottom = filled.target
    assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
    assert right - left == size[0] or bottom - top == size[1]
    cut = place(photo, size, "crop")
    assert cut.covers
    left, top, right, bottom = cut.source
    assert 0 <= left < right <= photo[0] and 0 <= top < bottom <= photo[1]
    assert abs(left - (photo[0] - right)) <= 1 and abs(top - (photo[1] - bottom)) <= 1


@given(SIZE, MODELS, st.integers(0, 400), st.data())
def test_a_region_holds_its_mask_and_lies_in_the_canvas(
    canvas: tuple[int, int], model: Defaults, padding: int, data: st.DataObject
) -> None:
    mask = box_in(canvas, data)
    region = region_around(mask, canvas, padding, model)
    left, top, right, bottom = region.box
    assert 0 <= left <= mask[0] and mask[2] <= right <= canvas[0]
    assert 0 <= top <= mask[1] and mask[3] <= bottom <= canvas[1]
    assert all(side % GRID == 0 for side in region.size)
    if padding:
        assert left <= max(0, mask[0] - padding) and right >= min(canvas[0], mask[2] + padding)


@given(MODELS, st.data())
def test_a_small_mask_in_a_large_photo_is_drawn_at_full_detail(model: Defaults, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(500, 3000)), data.draw(st.integers(500, 2000))
    region = region_around((x, y, x + 40, y + 60), (4000, 3000), 0, model)
    width, height = region.box[2] - region.box[0], region.box[3] - region.box[1]
    assert 1.0 <= region.size[0] / width <= 2.2, "as fine as the photo or finer, but not blown up"
    assert abs((region.size[0] / width) / (region.size[1] / height) - 1) < 0.02, "not stretched"


EXTENSION = st.tuples(*[st.integers(0, 900)] * 4)


@settings(max_examples=60, deadline=None)
@given(st.tuples(st.integers(40, 900), st.integers(40, 900)), EXTENSION, MODELS)
def test_the_passes_of_an_extension_cover_it_once_and_lean_on_what_is_there(
    photo: tuple[int, int], extend: tuple[int, int, int, int], model: Defaults
) -> None:
    canvas, known = canvas_of(photo, extend)
    there = np.zeros((canvas[1], canvas[0]), bool)
    there[known[1] : known[3], known[0] : known[2]] = True
    for one in passes(photo, extend, model):
        left, top, right, bottom = one.region.box
        assert 0 <= left < right <= canvas[0] and 0 <= top < bottom <= canvas[1]
        fresh = np.zeros_like(there)
        for box in one.fresh:
            fresh[box[1] : box[3], box[0] : box[2]] = True
        assert not (fresh & there).any(), "nothing of the photo is drawn over"
        inside = np.zeros_like(there)
        inside[top:bottom, left:right] = True
        assert not (fresh & ~inside).any()
        assert (inside <= (fresh | there)).all(), "a region holds nothing that nobody has drawn"
        assert (inside & there).sum() * 3 > fresh.sum(), "there is enough to go on from"
        there |= fresh
    assert there.all()


def test_no_extension_takes_no_pass() -> None:
    assert passes((640, 480), (0, 0, 0, 0), SMALL.defaults) == ()


@pytest.mark.parametrize(
    ("photo", "size"),
    [((4000, 3000), (296, 224)), ((3000, 4000), (224, 296)), ((300, 300), (256, 256)), ((1, 20000), (128, 512))],
)
def test_the_size_is_chosen_from_the_photo(photo: tuple[int, int], size: tuple[int, int]) -> None:
    import random

    from tests.core.cards import LORAS, presets
    from webui.core.settle import settle

    request = GenerationRequest(init_image="photo")
    recipe, _ = settle(request, SMALL, LORAS, presets(), random.Random(0), photo)
    assert (recipe.width, recipe.height) == size
    again = replace(request, width=recipe.width, height=recipe.height, seed=recipe.seed, strength=recipe.strength)
    assert settle(again, SMALL, LORAS, presets(), random.Random(0), photo)[0] == recipe, (
        "settling twice changes nothing"
    )


def test_a_recipe_with_a_photo_comes_back_from_json() -> None:
    inpaint = Inpainting("whole", 7, "noise", 3, True, True, 1, 2, 3, 4)
    recipe = settled(init_image="a", mask_image="b", inpaint=inpaint)
    assert recipe.inpaint == inpaint and recipe.task == "inpaint"
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    old = recipe.to_dict()
    del old["inpaint"], old["resize"]
    assert Recipe.from_dict(old).inpaint == Inpainting(), "a database from before knew nothing of it"


@pytest.mark.parametrize(
    ("fields", "strength"),
    [({}, 0.75), ({"content": "fill"}, 1.0), ({"content": "noise"}, 1.0), ({"content": "empty"}, 1.0)],
)
def test_the_strength_follows_from_what_the_mask_starts_from(fields: dict[str, str], strength: float) -> None:
    inpaint = Inpainting(**fields)  # type: ignore[arg-type]
    assert settled(init_image="a", mask_image="b", inpaint=inpaint).strength == strength
    assert settled(init_image="a", inpaint=Inpainting(extend_left=9)).task == "inpaint"


@pytest.mark.parametrize(
    "wrong",
    [
        Inpainting(area="half"), Inpainting(content="gold"), Inpainting(padding=-1), Inpainting(padding=10**9),
        Inpainting(feather=9999), Inpainting(soft="yes"), Inpainting(extend_top=-4), Inpainting(extend_left=10**7),
        {"area": "masked"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(wrong: object) -> None:
    with pytest.raises(InvalidRequest):
        settled(init_image="a", mask_image="b", inpaint=wrong)
    with pytest.raises(InvalidRequest):
        settled(init_image="a", resize="squash")


def test_row33_an_extension_has_its_ceiling_too() -> None:
    with pytest.raises(TooMuchAsked):
        settled(init_image="a", inpaint=Inpainting(extend_left=16_000, extend_top=16_000))
