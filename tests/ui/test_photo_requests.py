"""From the fields of the photo tabs to a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from webui.core.errors import InvalidRequest, NotFound
from webui.core.presets import load_presets
from webui.core.types import GenerationRequest, Inpainting
from webui.ui import img2img, inpaint, photo
from webui.ui.fields import photo_fields

PRESETS = Path(__file__).resolve().parents[2] / "presets"
PHOTO = {"id": "abc", "width": 4032, "height": 3024}


@pytest.fixture(scope="module")
def presets():
    return load_presets(PRESETS, None)


class Shop:
    """As much of a service as the tabs' requests look at."""

    def __init__(self, presets) -> None:
        self.presets = presets


def test_a_photo_that_keeps_its_shape_says_no_other():
    asked = photo.image_request({"prompt": "x", "photo": PHOTO, "strength": 0.3, "resize": "keep", "shape": "Square"})
    assert (asked.init_image, asked.strength, asked.resize, asked.shape) == ("abc", 0.3, "keep", None)
    assert asked.inpaint is None


@pytest.mark.parametrize("resize", ["crop", "fit", "fill"])
def test_other_ways_take_the_shape(resize: str):
    asked = photo.image_request({"photo": PHOTO, "resize": resize, "shape": "Square"})
    assert (asked.resize, asked.shape) == (resize, "Square")


def test_what_is_painted_and_extended_reaches_the_request():
    canvas = {"photo": PHOTO, "mask": "m1", "painted": 0.1, "extend": [8, 16, 24, 32]}
    fields = {"area": "whole", "content": "fill", "soft": True, "invert": True, "feather": 20, "padding": None}
    asked = photo.inpaint_request({"prompt": "x", "canvas": canvas, "strength": None, "shape": "640x480", **fields})
    assert (asked.init_image, asked.mask_image, asked.strength) == ("abc", "m1", None)
    assert (asked.shape, asked.width, asked.height) == (None, None, None)  # the photo says the size
    assert asked.inpaint == Inpainting("whole", 0, "fill", 20, True, True, 8, 16, 24, 32)


@pytest.mark.parametrize("silence", [None, ""])
def test_silence_is_the_usual_way(silence: str | None):
    fields = dict.fromkeys([*inpaint.USUAL, "steps", "count"], silence)
    asked = photo.inpaint_request({"canvas": {"photo": PHOTO}, **fields})
    assert (asked.inpaint, asked.strength, asked.steps, asked.count) == (Inpainting(), None, None, None)
    assert photo.image_request({"photo": PHOTO, "strength": silence}).strength is None


@pytest.mark.parametrize(
    "value", [None, 5, "abc", [], {}, {"photo": None}, {"photo": 7}, {"photo": PHOTO, "extend": "wide"}]
)
def test_strange_values_from_the_browser_do_no_harm(presets, value: object):
    asked = photo.inpaint_request({"canvas": value})
    assert asked.inpaint == Inpainting()
    with pytest.raises(InvalidRequest):
        inpaint.asked_of(Shop(presets), {"canvas": value})
    if not (isinstance(value, dict) and value.get("id")):
        with pytest.raises(InvalidRequest):
            img2img.asked_of(Shop(presets), {"photo": value})


def test_an_extension_needs_no_mask(presets):
    canvas = {"photo": PHOTO, "mask": "", "extend": [0, 0, 512, 0]}
    asked = inpaint.asked_of(Shop(presets), {"canvas": canvas})
    assert asked.mask_image is None
    assert asked.inpaint is not None and asked.inpaint.extend == (0, 0, 512, 0)


def test_every_task_fills_fields_that_its_tab_has(presets):
    tabs = {
        "image_to_image": {"strength", "resize", "shape", "steps", "guidance_scale", "style"},
        "inpaint": set(inpaint.USUAL),
    }
    assert {task.tab for task in presets.tasks.values()} == set(tabs)
    for task in presets.tasks.values():
        option = photo.task_option(task, {})
        assert set(option["fields"]) <= tabs[task.tab], task.name
        assert option["sentence"] and option["name"] == task.name
    assert any(photo.task_option(task, {})["extend_to"] == [16, 9] for task in presets.tasks.values())


def test_a_task_begins_from_the_usual_and_leaves_nothing_of_the_one_before(presets):
    tasks = [task for task in presets.tasks.values() if task.tab == "inpaint"]
    assert any(photo.task_option(task, inpaint.USUAL)["fields"]["invert"] for task in tasks)
    for task in tasks:
        fields = photo.task_option(task, inpaint.USUAL)["fields"]
        assert set(fields) == set(inpaint.USUAL)
        assert fields["invert"] == task.inpaint.invert


def test_a_task_adds_words_and_leaves_the_fields_to_the_person(presets):
    asked = GenerationRequest(prompt="", init_image="abc", strength=0.2, inpaint=Inpainting(feather=99))
    worded = photo.task_words(asked, presets, "Remove this")
    task = presets.tasks["Remove this"]
    assert worded.prompt == task.alone and worded.negative_prompt == task.negative_prompt
    assert (worded.strength, worded.inpaint, worded.init_image) == (0.2, Inpainting(feather=99), "abc")
    typed = photo.task_words(GenerationRequest(prompt="sand", negative_prompt="no"), presets, "Remove this")
    assert "sand" in typed.prompt and typed.negative_prompt == "no"


@pytest.mark.parametrize("chosen", ["", None, "No such task", 3, ["Remove this"]])
def test_without_a_known_task_the_words_stay(presets, chosen: object):
    asked = GenerationRequest(prompt="a cat")
    assert photo.task_words(asked, presets, chosen) == asked


def test_three_tries_differ_in_strength_alone():
    asked = GenerationRequest(prompt="a cat", init_image="abc", count=4, steps=30, seed=9)
    tries = img2img.tries_of(asked, 77)
    assert [one.strength for one in tries] == list(img2img.TRY_STRENGTHS)
    alike = [{**asdict(one), "strength": None} for one in tries]
    assert alike[0] == alike[1] == alike[2]
    assert (tries[0].count, tries[0].seed, tries[0].steps) == (1, 77, img2img.TRY_STEPS)
    assert img2img.tries_of(GenerationRequest(steps=4), 1)[0].steps == 4


def sizes(**known: tuple[int, int]) -> Callable[[str], tuple[int, int]]:
    def size_of(upload: str) -> tuple[int, int]:
        if upload not in known:
            raise NotFound("It is not here any more.")
        return known[upload]

    return size_of


def test_fields_of_a_picture_from_a_photo_ask_for_the_same_again():
    asked = GenerationRequest(init_image="abc", strength=0.4, resize="fit")
    fields = photo_fields(asked, "image_to_image", sizes(abc=(4032, 3024)))
    assert fields["photo"] == PHOTO and fields["task"] == ""
    again = photo.image_request(fields)
    assert (again.init_image, again.strength, again.resize) == ("abc", 0.4, "fit")


def test_fields_of_a_repainted_picture_ask_for_the_same_again():
    how = Inpainting("whole", 64, "noise", 20, True, True, 8, 16, 24, 32)
    asked = GenerationRequest(init_image="abc", mask_image="m1", strength=0.9, inpaint=how)
    fields = photo_fields(asked, "inpaint", sizes(abc=(4032, 3024), m1=(2048, 1536)))
    again = photo.inpaint_request(fields)
    assert (again.init_image, again.mask_image, again.strength, again.inpaint) == ("abc", "m1", 0.9, how)


def test_a_photo_that_is_gone_leaves_what_is_on_the_canvas():
    asked = GenerationRequest(init_image="abc", mask_image="m1", strength=0.9, inpaint=Inpainting())
    gone = photo_fields(asked, "inpaint", sizes(m1=(9, 9)))
    assert "canvas" not in gone and gone["extend"] == [0, 0, 0, 0]
    assert "photo" not in photo_fields(asked, "image_to_image", sizes())
    fields = photo_fields(asked, "inpaint", sizes(abc=(4032, 3024)))
    assert fields["canvas"] == {"photo": PHOTO, "mask": "", "extend": [0, 0, 0, 0]}
    assert "extend" not in fields, "the canvas has it"
    wide = replace(asked, inpaint=Inpainting(soft=True, extend_top=8, extend_right=64))
    fields = photo_fields(wide, "inpaint", sizes())
    assert (fields["soft"], fields["extend"]) == (True, [0, 8, 64, 0]), "the next photo is extended as this one was"
    silent = photo_fields(GenerationRequest(init_image="abc"), "image_to_image", sizes())
    assert "strength" not in silent, "the slider keeps what it has"
