from __future__ import annotations

import doctest
import time
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.core import prompt as module
from webui.core.presets import Style
from webui.core.prompt import apply_style, extract_loras, parse_attention, remove_style, schedule

PIECES = [*"ab ()[]:|\\.0123456789,\n", "BREAK", "<lora:", ">"]
GRAMMAR = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def test_the_examples_in_the_documentation() -> None:
    assert doctest.testmod(module).failed == 0


# What A1111 documents and its users rely on.
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("normal text", [("normal text", 1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        ("((x))", [("x", 1.21)]),
        ("[x]", [("x", 1 / 1.1)]),
        ("(x:1.5)", [("x", 1.5)]),
        ("(x:.5)", [("x", 0.5)]),
        ("(x : 1.5 )", [("x ", 1.5)]),
        ("(x:-1)", [("x", -1.0)]),
        ("at 12:30)", [("at 12:30)", 1.0)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1.0), (" c", 1 / 1.1)]),
        ("a) b] c", [("a) b] c", 1.0)]),
        ("", [("", 1.0)]),
        ("()", [("", 1.0)]),
        ("a BREAK b", [("a", 1.0), (None, -1.0), ("b", 1.0)]),
        ("BREAKFAST", [("BREAKFAST", 1.0)]),
        ("\\", [("", 1.0)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        ),
    ],
)
def test_attention(text, wanted) -> None:
    found = parse_attention(text)
    assert [piece for piece, _ in found] == [piece for piece, _ in wanted]
    assert all(isclose(ours, theirs, rel_tol=1e-9) for (_, ours), (_, theirs) in zip(found, wanted, strict=True))


def test_weights_stay_finite() -> None:
    assert parse_attention("(x:999999999)") == [("x", 10.0)]
    assert parse_attention("(" * 5000 + "x") == [("x", 10.0)]


@given(GRAMMAR)
def test_attention_loses_no_letter(text) -> None:
    found = "".join(piece for piece, _ in parse_attention(text) if piece)
    letters = [c for c in text.replace("BREAK", "") if c in "ab,"]
    assert [c for c in found if c in "ab,"] == letters


# ten steps, as in A1111's own examples
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("test", [(10, "test")]),
        ("a [b:3]", [(3, "a "), (10, "a b")]),
        ("a [b: 3]", [(3, "a "), (10, "a b")]),
        ("a [[[b]]:2]", [(2, "a "), (10, "a [[b]]")]),
        ("[(a:2):3]", [(3, ""), (10, "(a:2)")]),
        ("a [b : c : 1] d", [(1, "a b  d"), (10, "a  c  d")]),
        ("a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (10, "ade")]),
        ("a [unbalanced", [(10, "a [unbalanced")]),
        ("a [b:.5] c", [(5, "a  c"), (10, "a b c")]),
        ("a [{b|d{:.5] c", [(5, "a  c"), (10, "a {b|d{ c")]),
        ("((a][:b:c [d:3]", [(3, "((a][:b:c "), (10, "((a][:b:c d")]),
        ("a [gone::3]", [(3, "a gone"), (10, "a ")]),
        ("[fe|]male", [(n, "female" if n % 2 else "male") for n in range(1, 11)]),
        ("[a|(b:1.1)]", [(n, "a" if n % 2 else "(b:1.1)") for n in range(1, 11)]),
        (r"\[a:b:3\]", [(10, r"\[a:b:3\]")]),
        ("[a:b:3.0]", [(10, "a")]),
        ("[a:b:0]", [(10, "b")]),
    ],
)
def test_schedule(text, wanted) -> None:
    assert schedule(text, 10) == wanted


@given(GRAMMAR, st.integers(1, 30))
def test_a_schedule_covers_all_steps_and_leaves_plain_brackets_alone(text, steps) -> None:
    found = schedule(text, steps)
    ends = [end for end, _ in found]
    assert ends[-1] == steps
    assert ends == sorted(set(ends))
    if ":" not in text and "|" not in text:
        assert found == [(steps, text)]


HOSTILE = [
    "[" * 10_000,
    "(" * 10_000,
    "[(" * 5000,
    "()" * 5000,
    "[a:" * 2500 + ":1]" * 2500,
    "(a" * 5000,
    "[x|" * 3333,
    ":1" * 5000,
    ":" + "1" * 9999,
    "(" + " " * 9998 + ":",
    "\\" * 10_000,
    "<lora:" * 1666,
    "<lora:a:" * 1250,
    "<lo" * 800 + "<lora:a>" + "ra:b>" * 800,
    "BREAK " * 1666,
]


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:9] for text in HOSTILE])
def test_ten_thousand_brackets_take_no_time(text) -> None:
    start = time.process_time()
    parse_attention(text)
    schedule(text, 50)
    extract_loras(text)
    assert time.process_time() - start < 1.0


@given(st.text(), st.text(), st.text(max_size=20), st.text(max_size=20), st.booleans())
def test_a_style_comes_out_as_it_went_in(prompt, negative, start, end, slot) -> None:
    style = Style("s", start + ("{prompt}" if slot else "") + end, end)
    styled = apply_style(prompt, negative, style)
    before = remove_style(*styled, style)
    assert before is not None
    assert apply_style(*before, style) == styled
    if slot and "{prompt}" not in start + end:
        assert before[0] == prompt


def test_no_lora_stays_in_the_text() -> None:
    assert extract_loras("a <lo<lora:x:0.5:2>ra:y:z> b") == ("a b", [("x", "0.5"), ("y", "z")])
    assert extract_loras("<lora: > <lora:a\nb> <lora:>") == ("<lora: > <lora:a\nb> <lora:>", [])


def test_a_style_that_is_not_there_is_not_taken_out() -> None:
    assert remove_style("a cat", "", Style("s", "oil painting of {prompt}")) is None
    assert remove_style("a cat", "", Style("s", "", "ugly")) is None
    twice = Style("s", "{prompt} and {prompt} again")
    assert remove_style("a cat and a cat again", "", twice) == ("a cat", "")


@pytest.mark.parametrize("text", ["<lora:" + "x" * 500_000, "<lora:x" * 70_000, "<lora: :" + " :" * 200_000])
def test_a_lora_that_never_ends_is_text(text: str) -> None:
    assert extract_loras(text) == (text.rstrip(), [])


@pytest.mark.parametrize("text", ["a <lora:> b", "a <lora:  :1> b"])
def test_a_lora_without_a_name_is_text(text: str) -> None:
    assert extract_loras(text) == (text, [])
