"""Gaps in the numbers partners give their files, and numbers they gave twice.

Some layouts number their files within a sale unit or a participant. A number that never
came is a file that nobody missed otherwise, where its entries were few or not yet known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from payments.models import SettlementFile
from wallets.models import Feed

FOLLOWED_DAYS = 100
"""How far back numbers are followed, by the last business date of their files."""

Seen = SettlementFile.State


class Numbered(NamedTuple):
    """A file with its partner's number; ``within`` is what the numbers run within."""

    feed_id: int
    within: str
    number: int
    period_from: date | None
    period_to: date | None
    state: str
    name: str
    id: int


@dataclass(frozen=True)
class Missing:
    """Numbers from ``first`` to ``last`` that lie between two files and came in none."""

    feed: Feed
    within: str
    first: int
    last: int

    @property
    def before(self) -> int:
        return self.first - 1

    @property
    def after(self) -> int:
        return self.last + 1


@dataclass(frozen=True)
class Twice:
    """A number that two files of different periods carry; ``files`` in their order."""

    feed: Feed
    within: str
    number: int
    files: tuple[Numbered, Numbered]


def oddities(feeds: Iterable[Feed], *, now: datetime) -> tuple[list[Missing], list[Twice]]:
    """Return what is odd about the numbers of feeds' files. One question.

    A number that comes later, or that came in a file which could not be taken, is not
    missing. Numbers may begin again at 0 or 1.
    """
    by_id = {feed.pk: feed for feed in feeds}
    since = now.date() - timedelta(days=FOLLOWED_DAYS)
    rows = (
        SettlementFile.objects.filter(
            feed__in=list(by_id), period_to__gte=since, sequence__isnull=False
        )
        .order_by("period_to", "period_from", "sequence", "pk")
        .values_list(
            "feed_id", "sequence_of", "sequence", "period_from", "period_to", "state", "name", "pk"
        )
    )
    series: dict[tuple[int, str], list[Numbered]] = defaultdict(list)
    for row in map(Numbered._make, rows):
        series[row.feed_id, row.within].append(row)
    missing: list[Missing] = []
    twice: list[Twice] = []
    for (feed_id, within), files in sorted(series.items()):
        for counted in _from_one_on(files):
            for before, after in pairwise(sorted({file.number for file in counted})):
                if after - before > 1:
                    missing.append(Missing(by_id[feed_id], within, before + 1, after - 1))
            for first, second in _repeated(counted):
                twice.append(Twice(by_id[feed_id], within, first.number, (first, second)))
    return missing, twice


def _from_one_on(files: list[Numbered]) -> Iterator[list[Numbered]]:
    """Split the files of a series where its numbers begin again."""
    counted: list[Numbered] = []
    for file in files:
        # Not where the same first number merely has another file, or another version.
        if file.number <= 1 and counted and max(one.number for one in counted) > 2:
            yield counted
            counted = []
        counted.append(file)
    if counted:
        yield counted


def _repeated(files: list[Numbered]) -> Iterator[tuple[Numbered, Numbered]]:
    """Yield pairs of files that count, with one number and two periods."""
    known: dict[int, Numbered] = {}
    for file in files:
        if file.state != Seen.RECONCILED:
            continue
        first = known.setdefault(file.number, file)
        if (first.period_from, first.period_to) != (file.period_from, file.period_to):
            yield first, file
