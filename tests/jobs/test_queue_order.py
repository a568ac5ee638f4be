"""Whose turn it is: rounds over the visitors, first come first served within a round."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.jobs.test_store import job
from webui.jobs.queue_order import fair_order


def order(owners: str, running: str = "") -> str:
    jobs = [job(number, owner) for number, owner in enumerate(owners)]
    return "".join(j.owner for j in fair_order(jobs, running))


def test_one_visitor_is_served_in_order():
    jobs = [job(number) for number in range(4)]
    assert fair_order(jobs) == jobs


def test_a_late_visitor_does_not_wait_for_somebodys_tenth_job():
    assert order("aaaab") == "abaaa"


def test_who_is_being_drawn_for_begins_a_round_later():
    assert order("ab", running="a") == "ba"


@given(st.text("abc", max_size=30), st.text("abc", max_size=2))
def test_nobody_is_lost_and_nobody_overtakes_themselves(owners: str, running: str):
    jobs = [job(number, owner) for number, owner in enumerate(owners)]
    ordered = fair_order(jobs, running)
    assert sorted(j.id for j in ordered) == sorted(j.id for j in jobs)
    for owner in "abc":
        mine = [j for j in ordered if j.owner == owner]
        assert mine == [j for j in jobs if j.owner == owner]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_waiting_is_bounded_by_the_number_of_visitors(owners: list[str]):
    """Somebody's first job has at most one job of each other visitor before it."""
    ordered = order("".join(owners))
    for owner in set(owners):
        assert ordered.index(owner) < len(set(owners))
