"""Numbers that nobody vouches for, checked with words for the person."""

from __future__ import annotations

from typing import Any

from webui.core.errors import InvalidRequest


def number(called: str, value: Any, low: float, high: float, *, silent: float) -> float:
    """A number from `low` to `high`; `silent` when none is said. Raises InvalidRequest."""
    if value is None:
        return float(silent)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidRequest(f"{called} must be a number.", f"From {low:g} to {high:g}.")
    if not low <= value <= high:  # NaN is refused here too: it is between nothing
        raise InvalidRequest(f"{called} must be from {low:g} to {high:g}, not {_shown(value)}.")
    return float(value)


def whole(called: str, value: Any, low: int, high: int, *, silent: int) -> int:
    """A whole number from `low` to `high`; `silent` when none is said. Raises InvalidRequest."""
    if value is None:
        return silent
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole:
        raise InvalidRequest(f"{called} must be a whole number.", f"From {low} to {high}.")
    if not low <= value <= high:
        raise InvalidRequest(f"{called} must be from {low} to {high}, not {_shown(value)}.")
    return int(value)


def _shown(value: float) -> str:
    if isinstance(value, int):  # a long one is neither a float any more nor good to read
        return str(value) if abs(value) < 10**10 else "a number that far away"
    return f"{value:.3g}"
