"""What finance looks at: the nights, the roll-forward, one file and its breaks.

Reads only. Every function asks a fixed number of questions, whatever the number of rows. The
calendar of due files is in payments.due.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from payments.models import Break, Delivery, Link, Run, SettlementFile
from portal.core.paging import Page, newest_first
from wallets.models import Feed

NIGHTS_ON_A_PAGE = 25
BREAKS_ON_A_PAGE = 50

NO_BREAK = frozenset({"matched", "not_a_payment"})
OUTCOMES = ("matched", "not_a_payment", *Break.Outcome.values)
OUTCOME_WORDS = {
    "matched": _("matched"),
    "not_a_payment": _("not a payment"),
    **dict(Break.Outcome.choices),
}


# --- the list of nights


@dataclass(frozen=True)
class Total:
    """What a file pays out in one currency, in minor units."""

    currency: str
    lines: int
    gross_minor: int
    fee_minor: int
    net_minor: int
    other_minor: int


@dataclass(frozen=True)
class NightRow:
    """One file with what became of it."""

    file: SettlementFile
    run: Run | None
    totals: list[Total]
    breaks: list[tuple[str, str, int]]
    has_open_breaks: bool
    resent: list[Delivery]


def totals_of(run: Run | None) -> list[Total]:
    """Return the totals of a run by the currency in which the partner pays out."""
    sums: dict[str, list[int]] = {}
    for row in (run.totals or []) if run else []:
        parts = sums.setdefault(row["settled_currency"], [0, 0, 0, 0, 0])
        for at, name in enumerate(
            ("lines", "settled_gross_minor", "fee_minor", "net_minor", "other_minor")
        ):
            parts[at] += row[name]
    return [Total(currency, *parts) for currency, parts in sorted(sums.items())]


def breaks_of(run: Run | None) -> list[tuple[str, str, int]]:
    """Return (outcome, its words, how many) of a run's breaks, in the order of the rules."""
    outcomes = run.outcomes if run else {}
    return [
        (outcome, str(OUTCOME_WORDS[outcome]), outcomes[outcome])
        for outcome in OUTCOMES
        if outcome not in NO_BREAK and outcomes.get(outcome)
    ]


def nights(*, before: str | None) -> Page[SettlementFile]:
    """Return a page of files, the last that arrived first."""
    return newest_first(
        SettlementFile.objects.select_related("feed__wallet"),
        before=before,
        size=NIGHTS_ON_A_PAGE,
    )


def night_rows(files: list[SettlementFile]) -> list[NightRow]:
    """Return files with their runs and re-sent deliveries. Two questions."""
    ids = [file.pk for file in files]
    still_open = Break.objects.filter(run=OuterRef("pk"), state=Break.State.OPEN)
    runs = {
        run.file_id: run
        for run in Run.objects.filter(file__in=ids)
        .exclude(state=Run.State.WRITING)
        .annotate(has_open_breaks=Exists(still_open))
        .order_by("pk")
    }
    resent: dict[int, list[Delivery]] = defaultdict(list)
    again = (Delivery.Result.RESENT, Delivery.Result.OLD_VERSION)
    for delivery in Delivery.objects.filter(file__in=ids, result__in=again).order_by("pk"):
        resent[delivery.file_id].append(delivery)
    return [
        NightRow(
            file,
            run := runs.get(file.pk),
            totals_of(run),
            breaks_of(run),
            bool(run and run.state == Run.State.DONE and run.has_open_breaks),
            resent[file.pk],
        )
        for file in files
    ]


# --- the roll-forward


@dataclass(frozen=True)
class Roll:
    """Opening open + new due - settled - written off = closing open; counts and minor units."""

    feed: Feed
    wallet: str
    currency: str
    opening: dict[str, int]
    new_due: dict[str, int]
    settled: dict[str, int]
    written_off: dict[str, int]
    closing: dict[str, int]

    @property
    def adds_up(self) -> bool:
        """Tell whether the five figures prove each other, in number and in money."""
        return all(
            self.opening[unit] + self.new_due[unit] - self.settled[unit] - self.written_off[unit]
            == self.closing[unit]
            for unit in ("count", "minor")
        )


def roll_of(run: Run, feed: Feed) -> list[Roll]:
    """Return the roll-forward that a run has stored."""
    return [
        Roll(
            feed, row["wallet"], row["currency"], row["opening"], row["new_due"],
            row["settled"], row["written_off"], row["closing"],
        )
        for row in run.roll_forward or []
    ]  # fmt: skip


def roll_forward() -> list[Roll]:
    """Return how every wallet and currency stands after the last run of its feed."""
    last = Run.objects.filter(state=Run.State.DONE).values("feed").annotate(last=Max("pk"))
    runs = (
        Run.objects.filter(pk__in=last.values("last"))
        .select_related("feed__wallet")
        .order_by(Lower("feed__wallet__name"))
    )
    return [roll for run in runs for roll in roll_of(run, run.feed)]


# --- one file


@dataclass(frozen=True)
class BreakCounts:
    """How many breaks of a file are open, closed and written off."""

    open: int = 0
    closed: int = 0
    written_off: int = 0


def breaks_in(file: SettlementFile, run: Run | None) -> QuerySet[Break]:
    """Return the breaks of a file: those of the run that counts, or that of the whole file."""
    return Break.objects.filter(run=run) if run else Break.objects.filter(file=file, run=None)


def count_by_state(breaks: QuerySet[Break]) -> BreakCounts:
    counted: dict[str, Any] = {
        row["state"]: row["n"] for row in breaks.values("state").order_by().annotate(n=Count("pk"))
    }
    return BreakCounts(**counted)


def page_of_breaks(
    breaks: QuerySet[Break], *, outcome: str, state: str, after: str | None
) -> Page[Break]:
    """Return breaks in the order of the file, filtered by words that exist; others are ignored."""
    if outcome in Break.Outcome.values:
        breaks = breaks.filter(outcome=outcome)
    if state in Break.State.values:
        breaks = breaks.filter(state=state)
    if after and after.isascii() and after.isdigit():
        breaks = breaks.filter(pk__gt=int(after[:18]))
    found = list(breaks.order_by("pk")[: BREAKS_ON_A_PAGE + 1])
    more = len(found) > BREAKS_ON_A_PAGE
    found = found[:BREAKS_ON_A_PAGE]
    return Page(found, found[-1].pk if more else None)


def settled_by(found: Break) -> Link | None:
    """Return the line that settled what a repeated line names, with its file; or None.

    One question, by the movement's unique id.
    """
    if found.outcome != Break.Outcome.DUPLICATE:
        return None
    return (
        Link.objects.filter(
            entry__wallet__code=found.wallet, entry__kind=found.kind,
            entry__wallet_ref=found.wallet_ref, reversed_by=None, run__state=Run.State.DONE,
        )
        .select_related("run__file")
        .first()
    )  # fmt: skip
