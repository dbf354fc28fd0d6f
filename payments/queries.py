"""What finance looks at: the calendar of due files, the nights, one file and its breaks.

Reads only. Every function asks a fixed number of questions, whatever the number of rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from payments.models import Break, Delivery, LedgerEntry, Link, Run, SettlementFile
from portal.core import calendars
from portal.core.paging import Page, newest_first
from wallets.models import Feed

DAYS_SHOWN = 14
CARRIED_DAYS = 35
"""How far back a balance below the minimum is followed from file to file."""

NIGHTS_ON_A_PAGE = 25
BREAKS_ON_A_PAGE = 50

NO_BREAK = frozenset({"matched", "not_a_payment"})
OUTCOMES = ("matched", "not_a_payment", *Break.Outcome.values)
OUTCOME_WORDS = {
    "matched": _("matched"),
    "not_a_payment": _("not a payment"),
    **dict(Break.Outcome.choices),
}

Seen = SettlementFile.State


class Night(StrEnum):
    """What can be said of one feed on one date."""

    NO_FILE_PLANNED = "no_file_planned"
    NOT_YET_DUE = "not_yet_due"
    NOTHING_DUE = "nothing_due"
    ABSENT = "absent"
    WAITING = "waiting"
    QUARANTINED = "quarantined"
    BREAKS = "breaks"
    RECONCILED = "reconciled"


_WORDS = {
    Night.NO_FILE_PLANNED: _("no file planned"),
    Night.NOT_YET_DUE: _("not yet due"),
    Night.NOTHING_DUE: _("nothing due"),
    Night.ABSENT: _("due and absent"),
    Night.WAITING: _("being read"),
    Night.QUARANTINED: _("quarantined"),
    Night.BREAKS: _("open breaks"),
    Night.RECONCILED: _("reconciled"),
}
_SIGNS = {
    Night.NO_FILE_PLANNED: "",
    Night.NOT_YET_DUE: "○",
    Night.NOTHING_DUE: "–",
    Night.ABSENT: "✗",
    Night.WAITING: "…",
    Night.QUARANTINED: "!",
    Night.BREAKS: "≠",
    Night.RECONCILED: "✓",
}
_LOOKS = {
    Night.ABSENT: "bad",
    Night.QUARANTINED: "bad",
    Night.BREAKS: "warn",
    Night.WAITING: "info",
    Night.RECONCILED: "good",
}


@dataclass(frozen=True)
class Cell:
    """One feed on one date: its state, and the file that stands for it, if any.

    ``first`` and ``last`` are the business dates that the file due on ``due`` carries;
    ``detail`` says in words why nothing is due.
    """

    feed: Feed
    due: date
    state: Night
    first: date | None = None
    last: date | None = None
    file_id: int | None = None
    detail: str = ""

    @property
    def word(self) -> str:
        return str(_WORDS[self.state])

    @property
    def sign(self) -> str:
        return _SIGNS[self.state]

    @property
    def look(self) -> str:
        """Return the tone it is shown in: good, warn, bad, info or calm."""
        return _LOOKS.get(self.state, "calm")


@dataclass(frozen=True)
class Calendar:
    """Feeds side by side, dates from the newest to the oldest, one cell for each pair."""

    feeds: list[Feed]
    rows: list[tuple[date, list[Cell]]]

    def in_state(self, state: Night) -> list[Cell]:
        return [cell for _day, cells in self.rows for cell in cells if cell.state == state]


@dataclass
class _Due:
    """A date on which a feed's file is due, while it is being judged."""

    due: date
    first: date
    last: date
    deadline: datetime
    files: list[SettlementFile] = field(default_factory=list)
    uncovered: set[date] = field(default_factory=set)


def deadline(feed: Feed, due: date) -> datetime:
    """Return the instant by which the file due on a date should have come."""
    zone = calendars.zone(feed.wallet.timezone)
    return datetime.combine(due, feed.expected_by, tzinfo=zone)


def calendar(*, now: datetime, days: int = DAYS_SHOWN) -> Calendar:
    """Return the last ``days`` dates up to now, for every active feed. Four questions."""
    feeds = list(
        Feed.objects.filter(active=True)
        .select_related("wallet")
        .order_by(Lower("wallet__name"), "pk")
    )
    today = now.date()
    shown = [today - timedelta(days=back) for back in range(days)]
    plans = {feed.pk: _dues(feed, shown[-1], today) for feed in feeds}
    oldest = min((due.first for dues in plans.values() for due in dues), default=shown[-1])
    unplaced = _place_files(feeds, plans, oldest)
    open_sums = _open_sums(plans, now)
    with_breaks = _files_with_open_breaks(plans)
    cells: dict[tuple[int, date], Cell] = {}
    for feed in feeds:
        judged = _judge_feed(feed, plans[feed.pk], open_sums, with_breaks, now)
        for cell in _with_unplaced(feed, judged, unplaced[feed.pk]):
            cells[feed.pk, cell.due] = cell
    return Calendar(
        feeds,
        [
            (
                day,
                [
                    cells.get((feed.pk, day)) or Cell(feed, day, Night.NO_FILE_PLANNED)
                    for feed in feeds
                ],
            )
            for day in shown
        ],
    )


def due_and_absent(*, now: datetime, days: int = DAYS_SHOWN) -> list[Cell]:
    """Return the files that should have come by now and did not, newest first.

    A file is due and absent when its deadline has passed, no readable file covers its
    business dates, the ledger has open entries on them, and the feed's rule for an empty
    or small balance does not excuse it. A quarantined file has come, and is not listed.
    """
    return calendar(now=now, days=days).in_state(Night.ABSENT)


def _dues(feed: Feed, first: date, last: date) -> list[_Due]:
    if feed.empty_file == Feed.Empty.CARRY:
        first -= timedelta(days=CARRIED_DAYS)
    dues = []
    for due in calendars.due_dates(first, last, feed.schedule):
        start, end = calendars.period_due(due, feed.schedule)
        dues.append(
            _Due(due, start, end, deadline(feed, due), uncovered=set(calendars.days(start, end)))
        )
    return dues


def _place_files(
    feeds: Iterable[Feed], plans: dict[int, list[_Due]], oldest: date
) -> dict[int, list[SettlementFile]]:
    """Give every file to the dates its period covers; return the files without a period.

    A quarantined file that a later version has set right says nothing any more.
    """
    files = list(
        SettlementFile.objects.filter(
            Q(period_to__gte=oldest) | Q(period_to=None, received_at__date__gte=oldest),
            feed__in=[feed.pk for feed in feeds],
        ).order_by("pk")
    )
    versions: dict[tuple[int, str], list[SettlementFile]] = defaultdict(list)
    for file in files:
        versions[file.feed_id, file.identity].append(file)
    unplaced: dict[int, list[SettlementFile]] = defaultdict(list)
    for file in files:
        siblings = versions[file.feed_id, file.identity]
        if file.state == Seen.QUARANTINED and any(
            other.version > file.version and other.state != Seen.QUARANTINED for other in siblings
        ):
            continue
        known = next((other for other in (file, *siblings) if other.period_to), None)
        if known is None or known.period_from is None or known.period_to is None:
            unplaced[file.feed_id].append(file)
            continue
        for due in plans[file.feed_id]:
            if known.period_from <= due.last and known.period_to >= due.first:
                due.files.append(file)
                if file.period_to:
                    due.uncovered -= set(
                        calendars.days(
                            max(known.period_from, due.first), min(known.period_to, due.last)
                        )
                    )
    return unplaced


def open_entries() -> QuerySet[LedgerEntry]:
    """Return the ledger entries that no file has settled and nobody has written off."""
    settled = Link.objects.filter(entry=OuterRef("pk"), reversed_by=None, run__state=Run.State.DONE)
    written_off = Break.objects.filter(entry=OuterRef("pk"), state=Break.State.WRITTEN_OFF)
    return LedgerEntry.objects.filter(~Exists(settled), ~Exists(written_off))


def _open_sums(
    plans: dict[int, list[_Due]], now: datetime
) -> dict[tuple[int, date], list[tuple[str, int]]]:
    """Return (currency, net) of the open entries, by feed and date, where no file covers them."""
    wanted = Q(pk__in=[])
    for feed_id, dues in plans.items():
        dates = {day for due in dues if due.deadline <= now for day in due.uncovered}
        if dates:
            wanted |= Q(feed_id=feed_id, business_date__in=sorted(dates))
    sums: dict[tuple[int, date], list[tuple[str, int]]] = defaultdict(list)
    rows = (
        open_entries()
        .filter(wanted)
        .values("feed_id", "business_date", "settlement_currency")
        .annotate(gross=Sum("settlement_minor"), fee=Sum("fee_minor"))
        .order_by("feed_id", "business_date")
    )
    for row in rows:
        sums[row["feed_id"], row["business_date"]].append(
            (row["settlement_currency"], row["gross"] - row["fee"])
        )
    return sums


def _files_with_open_breaks(plans: dict[int, list[_Due]]) -> set[int]:
    ids = {file.pk for dues in plans.values() for due in dues for file in due.files}
    still_open = Break.objects.filter(run=OuterRef("pk"), state=Break.State.OPEN)
    return set(
        Run.objects.filter(Exists(still_open), file__in=ids, state=Run.State.DONE).values_list(
            "file_id", flat=True
        )
    )


def _judge_feed(
    feed: Feed,
    dues: list[_Due],
    open_sums: dict[tuple[int, date], list[tuple[str, int]]],
    with_breaks: set[int],
    now: datetime,
) -> list[Cell]:
    cells = []
    carried: dict[str, int] = {}
    for due in dues:
        balance = dict(carried)
        is_owed = False
        for day in sorted(due.uncovered):
            for currency, net in open_sums.get((feed.pk, day), []):
                balance[currency] = balance.get(currency, 0) + net
                is_owed = True
        excuse = _excuse(feed, balance) if is_owed else ""
        carried = {}
        state, file = _of_files(due, with_breaks)
        if state is None or (state in {Night.RECONCILED, Night.BREAKS} and is_owed and not excuse):
            if now < due.deadline:
                state = Night.NOT_YET_DUE if state is None else state
            elif is_owed and not excuse:
                state, file = Night.ABSENT, None
            else:
                state = Night.NOTHING_DUE
                if feed.empty_file == Feed.Empty.CARRY:
                    carried = balance
        cells.append(
            Cell(
                feed, due.due, state, due.first, due.last, file.pk if file else None,
                excuse if state == Night.NOTHING_DUE else "",
            )
        )  # fmt: skip
    return cells


def _excuse(feed: Feed, balance: dict[str, int]) -> str:
    """Say why no file comes for a balance, or nothing when one has to come."""
    if feed.empty_file == Feed.Empty.NONE and all(net <= 0 for net in balance.values()):
        return str(_("The balance is not positive, so no file comes."))
    if feed.empty_file == Feed.Empty.CARRY and all(
        net < feed.minimum_minor for net in balance.values()
    ):
        return str(_("The balance is below the minimum and carries over."))
    return ""


def _of_files(due: _Due, with_breaks: set[int]) -> tuple[Night | None, SettlementFile | None]:
    by_state = {file.state: file for file in due.files}
    if Seen.QUARANTINED in by_state:
        return Night.QUARANTINED, by_state[Seen.QUARANTINED]
    if Seen.RECEIVED in by_state:
        return Night.WAITING, by_state[Seen.RECEIVED]
    if Seen.RECONCILED in by_state:
        broken = [
            file for file in due.files if file.state == Seen.RECONCILED and file.pk in with_breaks
        ]
        if broken:
            return Night.BREAKS, broken[-1]
        return Night.RECONCILED, by_state[Seen.RECONCILED]
    return None, None


def _with_unplaced(feed: Feed, cells: list[Cell], files: list[SettlementFile]) -> list[Cell]:
    """Let a file whose period is not known stand for a date, the newest files first.

    It stands for the last date before its arrival whose file is missing, else for the last
    date before its arrival.
    """
    zone = calendars.zone(feed.wallet.timezone)
    for file in reversed(files):
        arrived = file.received_at.astimezone(zone).date()
        before = [at for at, cell in enumerate(cells) if cell.due <= arrived]
        missing = [at for at in before if cells[at].state in {Night.ABSENT, Night.NOT_YET_DUE}]
        if not before:
            continue
        at = missing[-1] if missing else before[-1]
        state = Night.QUARANTINED if file.state == Seen.QUARANTINED else Night.WAITING
        cell = cells[at]
        cells[at] = Cell(feed, cell.due, state, cell.first, cell.last, file.pk)
    return cells


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
    for delivery in Delivery.objects.filter(file__in=ids, result=Delivery.Result.RESENT).order_by(
        "pk"
    ):
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
