"""Whether a prompt names something that a small model was taught."""

from __future__ import annotations

from pathlib import Path

import pytest

from webui.library.knows import FILE, knows_any_of


@pytest.mark.parametrize(
    "prompt",
    [
        "a red apple",
        "Two CHERRIES, please",
        "foxes",
        "a hot dog on the beach",
        "tiny butterflies",
        "in a storm, (cat:1.3)",
    ],
)
def test_the_starter_knows_what_people_type_first(starter: Path, prompt: str) -> None:
    assert knows_any_of(starter, prompt)


@pytest.mark.parametrize("prompt", ["eine Erdbeere", "\u0642\u0637\u0629", "abstract waves", "catastrophe", "!?"])
def test_it_does_not_know_other_languages_or_parts_of_words(starter: Path, prompt: str) -> None:
    assert not knows_any_of(starter, prompt)


def test_a_model_that_says_nothing_may_know_everything(tmp_path: Path) -> None:
    assert knows_any_of(tmp_path, "anything")
    (tmp_path / FILE).write_text("cat\n", "utf-8")
    assert not knows_any_of(tmp_path, "anything")
