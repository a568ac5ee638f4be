from __future__ import annotations

import json
import re

import diffusers
import pytest

from tests.core.cards import PRESETS, presets
from webui.core.presets import Style, load_presets

# The words the starter's captions used for its nine looks, and how its pictures of things are called.
STARTER_WORDS = [
    "pencil sketch of",
    "pixel art of",
    "watercolor painting of",
    "oil painting of",
    "neon sign of",
    "black and white picture of",
    "vintage picture of",
    "comic book drawing of",
    "line art of",
    "3d render of",
    "flat emoji of",
    "photo of",
]


def test_what_ships_is_whole() -> None:
    assert presets().warnings == ()
    assert len(presets().styles) >= 48
    assert len({style.group for style in presets().styles.values()}) >= 8
    assert [shape.name for shape in presets().shapes.values()] == ["Square", "Portrait", "Landscape", "Wide", "Tall"]


def test_styles_are_short_and_begin_with_what_matters() -> None:
    for style in presets().styles.values():
        assert style.prompt.count("{prompt}") == 1, style.name
        assert len(re.findall(r"\w+|[^\w\s]", style.prompt)) <= 24, f"{style.name}: the starter reads 32 tokens"
        assert style.negative_prompt
        assert re.fullmatch(r"[a-z0-9-]+\.webp", style.preview)
    assert len({style.preview for style in presets().styles.values()}) == len(presets().styles)


@pytest.mark.parametrize("words", STARTER_WORDS)
def test_the_starters_own_words_begin_a_style(words) -> None:
    assert any(style.prompt.startswith(f"{words} {{prompt}}") for style in presets().styles.values())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # diffusers with NumPy 2
@pytest.mark.parametrize("name", sorted(presets().samplers))
def test_every_sampler_is_a_scheduler_that_can_be_built(name) -> None:
    sampler = presets().samplers[name]
    scheduler = getattr(diffusers, sampler.scheduler)(**sampler.arguments)
    scheduler.set_timesteps(10)
    assert len(scheduler.timesteps) >= 10
    assert sampler.hint


def test_every_name_and_alias_means_one_sampler() -> None:
    names = [name.casefold() for s in presets().samplers.values() for name in (s.name, *s.aliases)]
    assert len(names) == len(set(names))
    assert len(presets().samplers) >= 18


CSV = """\ufeffname,prompt,negative_prompt
#hidden,x,y
---- MINE ----,,
Oil, "oil of {prompt}, thick",photo
Mood,"soft
light",
"""
FILES = {
    "styles.csv": (
        CSV,
        [Style("Oil", "oil of {prompt}, thick", "photo", "styles"), Style("Mood", "soft\nlight", "", "styles")],
    ),
    "old.csv": ("name,text\nInk,ink drawing\n", [Style("Ink", "ink drawing", "", "old")]),
    "fooocus.json": (
        json.dumps([{"name": "f-a", "prompt": "a of {prompt}"}, {"name": "f-b", "negative_prompt": "bad"}]),
        [Style("f-a", "a of {prompt}", "", "fooocus"), Style("f-b", "", "bad", "fooocus")],
    ),
    "sdnext.json": (
        json.dumps(
            [
                {
                    "name": "s",
                    "prompt": "p",
                    "negative": "n",
                    "extra": "steps: 4",
                    "preview": "data:image/jpeg;base64," + "A" * 900,
                }
            ]
        ),
        [Style("s", "p", "n", "sdnext")],
    ),
    "invoke.json": (
        json.dumps(
            [{"name": "i", "type": "user", "preset_data": {"positive_prompt": "{prompt} i", "negative_prompt": "n"}}]
        ),
        [Style("i", "{prompt} i", "n", "invoke")],
    ),
    "one.json": ('{"name": "single", "prompt": "p"}', [Style("single", "p", "", "one")]),
    "ours.json": (
        '[{"name": "o", "prompt": "p", "negative_prompt": "", "group": "G", "preview": "../../easel.db"}]',
        [Style("o", "p", "", "G")],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_styles_of_other_programs_work_as_they_are(name, tmp_path) -> None:
    text, wanted = FILES[name]
    (tmp_path / name).write_text(text, "utf-8")
    found = load_presets(PRESETS, tmp_path)
    assert found.warnings == ()
    assert [found.styles[style.name] for style in wanted] == wanted
    assert len(found.styles) == len(presets().styles) + len(wanted)


def test_the_persons_own_style_wins_over_ours(tmp_path) -> None:
    (tmp_path / "mine.json").write_text('[{"name": "Watercolor", "prompt": "mine"}]')
    assert load_presets(PRESETS, tmp_path).styles["Watercolor"].prompt == "mine"


def test_no_folder_of_ones_own_is_fine(tmp_path) -> None:
    assert load_presets(PRESETS, tmp_path / "nowhere") == presets()
