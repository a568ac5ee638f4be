"""Whose turn it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from webui.jobs.store import Job


def fair_order(waiting: Sequence[Job], running_owners: Iterable[str] = ()) -> list[Job]:
    """The order in which waiting jobs start: everybody's first job before anybody's second.

    Within a round the earlier job comes first. Somebody whose job is running begins a round later.
    """
    rounds = Counter(running_owners)
    ranked = []
    for number, job in enumerate(waiting):
        ranked.append((rounds[job.owner], number, job))
        rounds[job.owner] += 1
    return [job for _, _, job in sorted(ranked, key=lambda entry: entry[:2])]
