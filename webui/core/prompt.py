"""The grammar of prompts that A1111's users know: emphasis, prompt editing, styles, and LoRAs named in the text.

Written from the published description of the syntax. Each is one pass over the text: 10,000 brackets take milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from webui.core.presets import Style

STRONGER = 1.1
HEAVIEST = 10.0

_ATTENTION = re.compile(r"\\.?|[()\[\]]|:\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*\)|[^\\()\[\]:]+|:", re.DOTALL)
_BREAK = re.compile(r"\bBREAK\b")
_LORA = re.compile(r"<lora:([^:<>\n]+)(?::([^<>\n]*))?>")
_NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)\s*")

Weighted = tuple[str | None, float]


def parse_attention(text: str) -> list[Weighted]:
    r"""Split a prompt into (text, weight): (x) is x 1.1, [x] / 1.1, (x:1.3) x 1.3, \( a bracket, BREAK (None, -1.0).

    Weights stay within -10 to 10. Brackets left open count to the end; stray closing ones are text.

    >>> parse_attention("an (important) word")
    [('an ', 1.0), ('important', 1.1), (' word', 1.0)]
    >>> parse_attention("a (((house:1.3)) [on] a (hill:0.5), sun")
    [('a ', 1.0), ('house', 1.573), (' ', 1.1), ('on', 1.0), (' a ', 1.1), ('hill', 0.55), (', sun', 1.1)]
    >>> parse_attention(r"\(literal\] BREAK (unbalanced")
    [('(literal]', 1.0), (None, -1.0), ('unbalanced', 1.1)]
    """
    tokens = list(_ATTENTION.finditer(text))
    factors = _bracket_factors(tokens)
    round_weights, square_weights = [1.0], [1.0]
    pieces: list[tuple[str | None, float]] = []
    for index, token in enumerate(tokens):
        stack = square_weights if token[0] in "[]" else round_weights
        if (factor := factors.get(index)) is None:
            weight = max(-HEAVIEST, min(HEAVIEST, round_weights[-1] * square_weights[-1]))
            pieces.extend((piece, round(weight, 10)) for piece in _plain(token[0]))
        elif token[0] in "([":
            stack.append(stack[-1] * factor)
        else:
            stack.pop()
    return _joined(pieces)


def _bracket_factors(tokens: list[re.Match[str]]) -> dict[int, float]:
    """Which tokens really are brackets, and the factor each opening one puts on its inside."""
    factors: dict[int, float] = {}
    open_round: list[int] = []
    open_square: list[int] = []
    for index, token in enumerate(tokens):
        if token[0] == "(":
            open_round.append(index)
            factors[index] = STRONGER
        elif token[0] == "[":
            open_square.append(index)
            factors[index] = 1 / STRONGER
        elif token[0] == "]" and open_square:
            open_square.pop()
            factors[index] = 1.0
        elif token[0].endswith(")") and token[0][0] in ":)" and open_round:
            opening = open_round.pop()
            factors[index] = 1.0
            if token[1] is not None:
                factors[opening] = float(token[1])
    return factors


def _plain(text: str) -> Iterator[str | None]:
    if text[0] == "\\":
        yield text[1:]
        return
    parts = _BREAK.split(text)
    for index, part in enumerate(parts):
        if index:
            yield None
            part = part.lstrip()
        yield part.rstrip() if index < len(parts) - 1 else part


def _joined(pieces: list[Weighted]) -> list[Weighted]:
    """Neighbours of equal weight become one; empty text falls away."""
    groups: list[tuple[list[str] | None, float]] = []
    for text, weight in pieces:
        if text is None:
            groups.append((None, -1.0))
        elif text and groups and groups[-1][0] is not None and groups[-1][1] == weight:
            groups[-1][0].append(text)
        elif text:
            groups.append(([text], weight))
    return [(None if texts is None else "".join(texts), weight) for texts, weight in groups] or [("", 1.0)]


@dataclass(slots=True)
class _Edit:
    """[before:after:when]: `before` up to and including step `when`, then `after`."""

    before: list[_Node]
    after: list[_Node]
    when: int


@dataclass(slots=True)
class _Turns:
    """[a|b]: another option each step."""

    options: list[list[_Node]]


_Node = str | list["_Node"] | _Edit | _Turns


@dataclass(slots=True)
class _Bracket:
    """A "[" that is still open: its parts so far, the separators between them, and how many "(" are open inside."""

    parts: list[list[_Node]] = field(default_factory=lambda: [[]])
    separators: list[str] = field(default_factory=list)
    depth: int = 0

    def literal(self, closing: str) -> list[_Node]:
        nodes: list[_Node] = ["["]
        for part, separator in zip(self.parts, [*self.separators, closing], strict=True):
            nodes += [part, separator]
        return nodes

    def close(self, steps: int) -> _Node:
        edit = self._edit(steps)
        if edit is not None:
            return edit
        if "|" in self.separators and ":" not in self.separators:
            return _Turns(self.parts)
        return self.literal("]")

    def _edit(self, steps: int) -> _Edit | None:
        number = self.parts[-1]
        if not self.separators or self.separators[-1] != ":" or len(number) != 1 or not isinstance(number[0], str):
            return None
        if not _NUMBER.fullmatch(number[0]):
            return None
        colons = [i for i, separator in enumerate(self.separators) if separator == ":"]
        if len(colons) > 2:
            return None
        value = float(number[0])
        when = min(steps, int(value * steps if "." in number[0] else value))
        last = len(self.parts) - 1
        split = colons[0] + 1 if len(colons) == 2 else 0
        return _Edit(self._span(0, split), self._span(split, last), when)

    def _span(self, start: int, end: int) -> list[_Node]:
        nodes: list[_Node] = []
        for i in range(start, end):
            nodes.append(self.parts[i])
            if i < end - 1:
                nodes.append(self.separators[i])
        return nodes


_SCHEDULE = re.compile(r"\\.?|[()\[\]:|]|[^\\()\[\]:|]+", re.DOTALL)


def schedule(prompt: str, steps: int) -> list[tuple[int, str]]:
    """The prompts of a drawing with `steps` steps, as (last step, text): [a:b:when], [b:when], [a::when] and [a|b].

    `when` with a point is a share of the steps, else a step. A bracket that is none of these stays as it is.

    >>> schedule("a [cat:dog:0.5]", 10)
    [(5, 'a cat'), (10, 'a dog')]
    >>> schedule("[fe|]male", 3)
    [(1, 'female'), (2, 'male'), (3, 'female')]
    >>> schedule("a [[[b]]:2] [unbalanced", 10)
    [(2, 'a  [unbalanced'), (10, 'a [[b]] [unbalanced')]
    """
    tree = _schedule_tree(prompt, steps)
    found: list[tuple[int, str]] = []
    for step in _turning_points(tree, steps):
        text = _at(tree, step)
        if found and found[-1][1] == text:
            found.pop()
        found.append((step, text))
    return found


def _schedule_tree(prompt: str, steps: int) -> list[_Node]:
    open_brackets = [_Bracket()]
    for token in _SCHEDULE.findall(prompt):
        top = open_brackets[-1]
        inside = len(open_brackets) > 1
        if token == "[":
            open_brackets.append(_Bracket())
        elif token == "]" and inside:
            open_brackets.pop()
            open_brackets[-1].parts[-1].append(top.close(steps))
        elif token in (":", "|") and inside and top.depth == 0:
            top.separators.append(token)
            top.parts.append([])
        else:
            top.depth = max(0, top.depth + (token == "(") - (token == ")"))
            top.parts[-1].append(token)
    while len(open_brackets) > 1:
        unclosed = open_brackets.pop()
        open_brackets[-1].parts[-1].append(unclosed.literal(""))
    return open_brackets[0].parts[0]


def _turning_points(tree: list[_Node], steps: int) -> list[int]:
    """The steps after which the text may change, the last step among them."""
    points = {steps}
    waiting: list[_Node] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, _Turns):
            return list(range(1, steps + 1))
        elif isinstance(node, _Edit):
            points.add(node.when)
            waiting += [node.before, node.after]
    return sorted(point for point in points if 1 <= point <= steps)


def _at(tree: list[_Node], step: int) -> str:
    """The text at one step (from 1). Walks with a stack of its own: people nest deeper than Python calls."""
    texts: list[str] = []
    walks: list[Iterator[_Node]] = [iter(tree)]
    while walks:
        node = next(walks[-1], None)
        if node is None:
            walks.pop()
        elif isinstance(node, str):
            texts.append(node)
        elif isinstance(node, _Edit):
            walks.append(iter(node.before if step <= node.when else node.after))
        elif isinstance(node, _Turns):
            walks.append(iter(node.options[(step - 1) % len(node.options)]))
        else:
            walks.append(iter(node))
    return "".join(texts)


def apply_style(prompt: str, negative_prompt: str, style: Style) -> tuple[str, str]:
    """Work a style into both prompts: `{prompt}` is replaced, a style without it comes after a comma (A1111's rule)."""
    return _worked_in(prompt, style.prompt), _worked_in(negative_prompt, style.negative_prompt)


def remove_style(prompt: str, negative_prompt: str, style: Style) -> tuple[str, str] | None:
    """The prompts as they were before `apply_style`, or None when the style is not in them."""
    before = (_worked_out(prompt, style.prompt), _worked_out(negative_prompt, style.negative_prompt))
    if before[0] is None or before[1] is None:
        return None
    return (before[0], before[1]) if apply_style(before[0], before[1], style) == (prompt, negative_prompt) else None


def _worked_in(prompt: str, style: str) -> str:
    if "{prompt}" in style:
        return style.replace("{prompt}", prompt)
    return ", ".join(part for part in (prompt, style) if part)


def _worked_out(prompt: str, style: str) -> str | None:
    if "{prompt}" in style:
        start, _, rest = style.partition("{prompt}")
        if "{prompt}" in rest:
            length = (len(prompt) - len(style.replace("{prompt}", ""))) // style.count("{prompt}")
            return prompt[len(start) : len(start) + length] if length >= 0 else None
        return prompt[len(start) : len(prompt) - len(rest)]
    if not style or prompt == style:
        return prompt[len(style) :]
    return prompt.removesuffix(", " + style)


def extract_loras(prompt: str) -> tuple[str, list[tuple[str, str]]]:
    """Take `<lora:name:weight>` out of a prompt: the rest, and (name, weight as text, "" where there is none) in order.

    >>> extract_loras("a cat <lora:ink:0.8> on a mat <lora:soft>")
    ('a cat on a mat', [('ink', '0.8'), ('soft', '')])
    """
    found: list[tuple[str, str]] = []
    # Again and again, in case what stood around a tag makes another one.
    while tags := [tag for tag in _LORA.finditer(prompt) if tag[1].strip()]:
        text, end = "", 0
        for tag in tags:
            found.append((tag[1].strip(), (tag[2] or "").split(":")[0].strip()))
            text = _side_by_side(text, prompt[end : tag.start()])
            end = tag.end()
        prompt = _side_by_side(text, prompt[end:]).rstrip()
    return prompt, found


def _side_by_side(left: str, right: str) -> str:
    """Joined without the second of two spaces that a tag between them leaves."""
    return left + (right[1:] if left[-1:] in ("", " ") and right[:1] == " " else right)
