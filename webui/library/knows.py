"""What a small model was taught, where its folder says so: in knows.txt, a name in each line."""

from __future__ import annotations

import re
from pathlib import Path

FILE = "knows.txt"


def knows_any_of(model: Path, prompt: str) -> bool:
    """Whether the prompt names something that the model was taught, in the singular or plural; True where its folder
    says nothing of that.
    """
    try:
        names = (model / FILE).read_text("utf-8").split("\n")
    except OSError:
        return True
    words = re.findall(r"[\w'-]+", prompt.casefold())
    said = [f" {' '.join(words)} ", f" {' '.join(_singular(word) for word in words)} "]
    return any(f" {name} " in text for name in names if name for text in said)


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if re.search(r"(s|x|z|ch|sh)es$", word):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
