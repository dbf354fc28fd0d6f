"""The calendar of due files: which should have come, which did, and what is owed without.

Reads only, and a fixed number of questions whatever the number of rows. By what rule a file
is due is a matter of portal.core.calendars; whether one is owed is decided here, currency by
currency, from what is open in the ledger and from what the partner does with little:

- *zero*: a file comes on every due date, an empty one where there is nothing.
- *none*: none comes for a balance that is not positive. What is negative carries over.
- *carry*: none comes for a balance below the minimum of its currency. It carries over.

Only a file that was reconciled, and that brings lines rather than totals alone, covers the
business dates of its period. One that was refused, or replaced by a corrected version, says
nothing about them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from payments.models import Break, LedgerEntry, Link, Run, SettlementFile
from portal.core import calendars
from wallets.models import Feed

DAYS_SHOWN = 14

CARRIED_DAYS = 35
"""How long a balance may carry over before somebody has to ask about it."""

FOLLOWED_DAYS = 400
"""How far back balances are followed from due date to due date: a year, and a month."""

MOST_SPANS = 30
"""So many spans of dates are asked for one by one; databases limit how many there may be."""

Seen = SettlementFile.State


class Night(StrEnum):
    """What can be said of one feed on one date."""

    NO_FILE_PLANNED = "no_file_planned"
    NOT_YET_DUE = "not_yet_due"
    NOTHING_DUE = "nothing_due"
    NO_EMPTY_FILE = "no_empty_file"
    CARRIED_LONG = "carried_long"
    ABSENT = "absent"
    CLOSED = "closed"
    WAITING = "waiting"
    QUARANTINED = "quarantined"
    BREAKS = "breaks"
    RECONCILED = "reconciled"


_WORDS = {
    Night.NO_FILE_PLANNED: _("no file planned"),
    Night.NOT_YET_DUE: _("not yet due"),
    Night.NOTHING_DUE: _("nothing due"),
    Night.NO_EMPTY_FILE: _("no empty file"),
    Night.CARRIED_LONG: _("carried too long"),
    Night.ABSENT: _("due and absent"),
    Night.CLOSED: _("absent, closed"),
    Night.WAITING: _("being read"),
    Night.QUARANTINED: _("quarantined"),
    Night.BREAKS: _("open breaks"),
    Night.RECONCILED: _("reconciled"),
}
_SIGNS = {
    Night.NO_FILE_PLANNED: "",
    Night.NOT_YET_DUE: "○",
    Night.NOTHING_DUE: "–",
    Night.NO_EMPTY_FILE: "?",
    Night.CARRIED_LONG: "↻",
    Night.ABSENT: "✗",
    Night.CLOSED: "–",
    Night.WAITING: "…",
    Night.QUARANTINED: "!",
    Night.BREAKS: "≠",
    Night.RECONCILED: "✓",
}
_LOOKS = {
    Night.NO_EMPTY_FILE: "warn",
    Night.CARRIED_LONG: "warn",
    Night.ABSENT: "bad",
    Night.QUARANTINED: "bad",
    Night.BREAKS: "warn",
    Night.WAITING: "info",
    Night.RECONCILED: "good",
}


@dataclass(frozen=True)
class Balance:
    """What is open in one currency: entries, net in minor units, the oldest business date."""

    currency: str
    net_minor: int
    entries: int
    since: date

    def __add__(self, other: Balance) -> Balance:
        return Balance(
            self.currency,
            self.net_minor + other.net_minor,
            self.entries + other.entries,
            min(self.since, other.since),
        )


Balances = dict[str, Balance]


@dataclass(frozen=True)
class Cell:
    """One feed on one date: its state, and the file that stands for it, if any.

    ``first`` and ``last`` are the business dates that the file due on ``due`` carries, and
    ``deadline`` is the instant by which it is expected. ``open`` is what it owes, or what
    carries over instead; ``detail`` says why nothing is due. ``break_id`` is the break that
    stands for a file's absence.
    """

    feed: Feed
    due: date
    state: Night
    first: date | None = None
    last: date | None = None
    deadline: datetime | None = None
    file: SettlementFile | None = None
    open: tuple[Balance, ...] = ()
    detail: str = ""
    break_id: int | None = None

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

    @property
    def file_id(self) -> int | None:
        return self.file.pk if self.file else None

    @property
    def came_late(self) -> bool:
        return bool(self.file and self.deadline and self.file.received_at > self.deadline)


@dataclass(frozen=True)
class Calendar:
    """Feeds side by side, dates from the newest to the oldest, one cell for each pair.

    ``judged`` has every due date that was looked at, older ones too, from the oldest.
    ``absences`` are the breaks that stand for absent files: those open, and those of late
    that a person has closed. ``carried`` are balances that carry over for too long;
    ``unreadable`` says of which feeds it cannot be told when a file is due, and why.
    """

    feeds: list[Feed]
    rows: list[tuple[date, list[Cell]]]
    judged: list[Cell]
    absences: list[Break]
    carried: list[tuple[Feed, Balance]]
    unreadable: list[tuple[Feed, str]]

    def in_state(self, state: Night) -> list[Cell]:
        """Return the cells shown in a state, and older ones that a break still stands for."""
        shown = [cell for _day, cells in self.rows for cell in cells if cell.state == state]
        known = {(cell.feed.pk, cell.due) for cell in shown}
        told = {(one.feed_id, one.business_date) for one in self.absences}
        return shown + [
            cell
            for cell in reversed(self.judged)
            if cell.state == state
            and (cell.feed.pk, cell.last) in told
            and (cell.feed.pk, cell.due) not in known
        ]


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
    """Return the instant, in UTC, by which the file due on a date should have come."""
    return calendars.deadline(due, feed.expected_by, feed.wallet.timezone)


def calendar(*, now: datetime, days: int = DAYS_SHOWN) -> Calendar:
    """Return the last ``days`` dates up to now, for every active feed. Four questions.

    Where a wallet already has tomorrow, so has the calendar. Files whose absence is still an
    open break are judged too, however old.
    """
    feeds = _feeds()
    today = max([now.date(), *(now.astimezone(zone).date() for zone in map(_zone, feeds) if zone)])
    shown = [today - timedelta(days=back) for back in range(days)]
    absences = list(absence_breaks(since=shown[-1] - timedelta(days=62)))
    told = {(one.feed_id, one.business_date): one for one in absences}
    plans: dict[int, list[_Due]] = {}
    unreadable = []
    for feed in feeds:
        if _zone(feed) is None:
            plans[feed.pk] = []
            unreadable.append((feed, str(_("Its time zone does not exist."))))
            continue
        open_since = [
            day
            for (feed_id, day), one in told.items()
            if feed_id == feed.pk and day and one.state == Break.State.OPEN
        ]
        try:
            plans[feed.pk] = _dues(feed, min([shown[-1], *open_since]), today)
        except calendars.BadRule as error:
            plans[feed.pk] = []
            unreadable.append((feed, str(error)))
    unplaced = _place_files(plans)
    sums = _open_sums(plans, now)
    judged: list[Cell] = []
    carried = []
    for feed in feeds:
        cells, left = _judge_feed(feed, plans[feed.pk], sums, told, now)
        judged += _with_unplaced(feed, cells, unplaced[feed.pk])
        carried += [(feed, balance) for balance in left]
    by_place = {(cell.feed.pk, cell.due): cell for cell in judged}
    rows = [
        (
            day,
            [
                by_place.get((feed.pk, day)) or Cell(feed, day, Night.NO_FILE_PLANNED)
                for feed in feeds
            ],
        )
        for day in shown
    ]
    return Calendar(feeds, rows, judged, absences, carried, unreadable)


def due_and_absent(*, now: datetime, days: int = DAYS_SHOWN) -> list[Cell]:
    """Return the files that should have come by now and did not, newest first.

    A file is due and absent when its deadline has passed, no reconciled file covers its
    business dates, the ledger has open entries on them, and the feed's rule for an empty
    or small balance does not excuse it. A quarantined file has come, and is not listed.
    """
    return calendar(now=now, days=days).in_state(Night.ABSENT)


def _feeds() -> list[Feed]:
    files = SettlementFile.objects.filter(feed=OuterRef("pk"), period_to__isnull=False)
    entries = LedgerEntry.objects.filter(feed=OuterRef("pk"))
    return list(
        Feed.objects.filter(active=True)
        .select_related("wallet")
        .annotate(
            first_covered=Subquery(files.order_by("period_to").values("period_to")[:1]),
            first_entry=Subquery(entries.order_by("business_date").values("business_date")[:1]),
        )
        .order_by(Lower("wallet__name"), "pk")
    )


def _zone(feed: Feed) -> ZoneInfo | None:
    try:
        return calendars.zone(feed.wallet.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _dues(feed: Feed, first: date, last: date) -> list[_Due]:
    begun = feed.first_entry  # type: ignore[attr-defined]
    if feed.empty_file != Feed.Empty.ZERO and begun is not None and begun < first:
        first = max(begun, first - timedelta(days=FOLLOWED_DAYS))
    dues = []
    for due in calendars.due_dates(first, last, feed.rule):
        start, end = calendars.period_due(due, feed.rule)
        dues.append(
            _Due(due, start, end, deadline(feed, due), uncovered=set(calendars.days(start, end)))
        )
    return dues


def absence_breaks(*, since: date) -> QuerySet[Break]:
    """Return the breaks of absent files: those open, and those a person closed since a day."""
    by_hand = Q(closed_by__isnull=False, business_date__gte=since)
    return (
        Break.objects.filter(outcome=Break.Outcome.FILE_ABSENT, business_date__isnull=False)
        .filter(Q(state=Break.State.OPEN) | by_hand)
        # In the order of their own small index: by id SQLite would walk through all breaks.
        .order_by("business_date", "pk")
    )


# --- files


def _files(plans: dict[int, list[_Due]]) -> Iterable[SettlementFile]:
    """Return the files that may stand for a due date, with their breaks told in two words."""
    by_oldest: dict[date, list[int]] = defaultdict(list)
    for feed_id, dues in plans.items():
        if dues:
            by_oldest[dues[0].first].append(feed_id)
    wanted = Q(pk__in=[])
    for oldest, feed_ids in by_oldest.items():
        arrived = datetime.combine(oldest, time(0), tzinfo=UTC)
        wanted |= Q(feed__in=feed_ids, period_to__gte=oldest)
        wanted |= Q(feed__in=feed_ids, period_to=None, received_at__gte=arrived)
    still_open = Break.objects.filter(state=Break.State.OPEN)
    return (
        SettlementFile.objects.filter(wanted)
        .annotate(
            has_open_breaks=Exists(
                still_open.filter(run__file=OuterRef("pk"), run__state=Run.State.DONE)
            ),
            still_refused=Exists(
                still_open.filter(file=OuterRef("pk"), outcome=Break.Outcome.FILE_QUARANTINED)
            ),
        )
        .only(
            "feed_id", "name", "identity", "version", "state", "received_at", "period_from",
            "period_to", "is_summary",
        )
        .order_by("pk")
    )  # fmt: skip


def _place_files(plans: dict[int, list[_Due]]) -> dict[int, list[SettlementFile]]:
    """Give every file to the dates its period covers; return the files without a period.

    A quarantined file says nothing any more once a later version has set it right, or once
    somebody has closed its break.
    """
    versions: dict[tuple[int, str], list[SettlementFile]] = defaultdict(list)
    files = list(_files(plans))
    for file in files:
        versions[file.feed_id, file.identity].append(file)
    unplaced: dict[int, list[SettlementFile]] = defaultdict(list)
    for file in files:
        siblings = versions[file.feed_id, file.identity]
        if file.state == Seen.SUPERSEDED or (
            file.state == Seen.QUARANTINED and _is_dealt_with(file, siblings)
        ):
            continue
        known = next((other for other in (file, *siblings) if other.period_to), None)
        if known is None or known.period_from is None or known.period_to is None:
            unplaced[file.feed_id].append(file)
            continue
        covers = file.state == Seen.RECONCILED and not file.is_summary
        dues = plans[file.feed_id]
        at = bisect_left(dues, known.period_from, key=lambda due: due.last)
        while at < len(dues) and dues[at].first <= known.period_to:
            due = dues[at]
            due.files.append(file)
            if covers:
                first = max(known.period_from, due.first)
                due.uncovered -= set(calendars.days(first, min(known.period_to, due.last)))
            at += 1
    return unplaced


def _is_dealt_with(file: SettlementFile, siblings: list[SettlementFile]) -> bool:
    return not file.still_refused or any(  # type: ignore[attr-defined]
        other.version > file.version and other.state != Seen.QUARANTINED for other in siblings
    )


def _of_files(due: _Due) -> tuple[Night | None, SettlementFile | None]:
    """Return what its files make of a due date: the worst of them decides."""
    by_state = {file.state: file for file in due.files}
    if Seen.QUARANTINED in by_state:
        return Night.QUARANTINED, by_state[Seen.QUARANTINED]
    if Seen.RECEIVED in by_state:
        return Night.WAITING, by_state[Seen.RECEIVED]
    counted = [file for file in due.files if file.state == Seen.RECONCILED]
    if broken := [file for file in counted if file.has_open_breaks]:  # type: ignore[attr-defined]
        return Night.BREAKS, broken[-1]
    if whole := [file for file in counted if not file.is_summary]:
        return Night.RECONCILED, whole[-1]
    return None, None


def _with_unplaced(feed: Feed, cells: list[Cell], files: list[SettlementFile]) -> list[Cell]:
    """Let a file whose period is not known stand for a date, the newest files first.

    It stands for the last date before its arrival whose file is missing, else for the last
    date before its arrival.
    """
    zone = calendars.zone(feed.wallet.timezone) if cells else None
    for file in reversed(files):
        arrived = file.received_at.astimezone(zone).date()
        before = [at for at, cell in enumerate(cells) if cell.due <= arrived]
        missing = [at for at in before if cells[at].state in _MISSING]
        if not before:
            continue
        at = missing[-1] if missing else before[-1]
        state = Night.QUARANTINED if file.state == Seen.QUARANTINED else Night.WAITING
        cells[at] = replace(cells[at], state=state, file=file, open=(), detail="", break_id=None)
    return cells


_MISSING = {Night.ABSENT, Night.CLOSED, Night.NOT_YET_DUE, Night.NO_EMPTY_FILE}


# --- what is open


def open_entries() -> QuerySet[LedgerEntry]:
    """Return the ledger entries that no file has settled and nobody has written off."""
    settled = Link.objects.filter(entry=OuterRef("pk"), reversed_by=None, run__state=Run.State.DONE)
    written_off = Break.objects.filter(entry=OuterRef("pk"), state=Break.State.WRITTEN_OFF)
    return LedgerEntry.objects.filter(~Exists(settled), ~Exists(written_off))


def _open_sums(
    plans: dict[int, list[_Due]], now: datetime
) -> dict[tuple[int, date], list[Balance]]:
    """Return what is open by feed and business date, where no file covers the date."""
    wanted = Q(pk__in=[])
    for feed_id, dues in plans.items():
        dates = sorted(day for due in dues if due.deadline <= now for day in due.uncovered)
        spans = _spans(dates)
        if len(spans) > MOST_SPANS:
            wanted |= Q(feed_id=feed_id, business_date__in=dates)
            continue
        for span in spans:
            wanted |= Q(feed_id=feed_id, business_date__range=span)
    sums: dict[tuple[int, date], list[Balance]] = defaultdict(list)
    rows = (
        open_entries()
        .filter(wanted)
        .values("feed_id", "business_date", "settlement_currency")
        .annotate(gross=Sum("settlement_minor"), fee=Sum("fee_minor"), n=Count("pk"))
        .order_by("feed_id", "business_date")
    )
    for row in rows:
        sums[row["feed_id"], row["business_date"]].append(
            Balance(
                row["settlement_currency"], row["gross"] - row["fee"], row["n"],
                row["business_date"],
            )
        )  # fmt: skip
    return sums


def _spans(dates: list[date]) -> list[tuple[date, date]]:
    """Return sorted dates as spans without a hole."""
    spans: list[tuple[date, date]] = []
    for day in dates:
        if spans and spans[-1][1] + calendars.DAY == day:
            spans[-1] = spans[-1][0], day
        else:
            spans.append((day, day))
    return spans


def _added(balances: Iterable[Balance]) -> Balances:
    total: Balances = {}
    for one in balances:
        total[one.currency] = total[one.currency] + one if one.currency in total else one
    return dict(sorted(total.items()))


# --- the judgement


def _judge_feed(
    feed: Feed,
    dues: list[_Due],
    sums: dict[tuple[int, date], list[Balance]],
    told: dict[tuple[int, date | None], Break],
    now: datetime,
) -> tuple[list[Cell], list[Balance]]:
    """Return a feed's cells from the oldest, and what carries over for too long."""
    cells: list[Cell] = []
    carried: Balances = {}
    latest = None
    for due in dues:
        state, file = _of_files(due)
        said: dict[str, Any] = {"state": state or Night.NOT_YET_DUE, "file": file}
        if now >= due.deadline:
            own = [one for day in sorted(due.uncovered) for one in sums.get((feed.pk, day), [])]
            balance = _added([*carried.values(), *own]) if own else carried
            owed = _owed(feed, balance)
            carried = {currency: one for currency, one in balance.items() if currency not in owed}
            if owed and state not in {Night.QUARANTINED, Night.WAITING}:
                said = _absent(owed, told.get((feed.pk, due.last)))
            elif state is None:
                said = _none_needed(feed, due, carried)
            latest = len(cells)
        cells.append(
            Cell(feed, due.due, first=due.first, last=due.last, deadline=due.deadline, **said)
        )
    if latest is None:
        return cells, []
    oldest = cells[latest].due - timedelta(days=CARRIED_DAYS)
    too_long = [one for one in carried.values() if one.since < oldest]
    if too_long and cells[latest].state in {Night.NOTHING_DUE, Night.RECONCILED}:
        cells[latest] = replace(
            cells[latest], state=Night.CARRIED_LONG, open=tuple(too_long), detail=""
        )
    return cells, too_long


def _owed(feed: Feed, balance: Balances) -> Balances:
    """Return the part of what is open that the partner has to send a file for."""
    if feed.empty_file == Feed.Empty.ZERO:
        return balance
    return {
        currency: one for currency, one in balance.items() if one.net_minor >= feed.least(currency)
    }


def _absent(owed: Balances, told: Break | None) -> dict[str, Any]:
    """Return what a cell says of a file that is owed and did not come."""
    said = {"state": Night.ABSENT, "open": tuple(owed.values())}
    if told is None:
        return said
    if told.state == Break.State.OPEN:
        return {**said, "break_id": told.pk}
    return {**said, "break_id": told.pk, "state": Night.CLOSED, "detail": told.closing_note}


def _none_needed(feed: Feed, due: _Due, carried: Balances) -> dict[str, Any]:
    """Return what a cell says where no file came and none is owed."""
    if feed.empty_file == Feed.Empty.ZERO and _has_begun(feed, due):
        detail = _("The partner always sends a file. Nothing is open without this one.")
        return {"state": Night.NO_EMPTY_FILE, "detail": str(detail)}
    said = {"state": Night.NOTHING_DUE, "open": tuple(carried.values())}
    return {**said, "detail": _why_none(feed) if carried else ""}


def _has_begun(feed: Feed, due: _Due) -> bool:
    """Tell whether the partner had sent any file before this one was due."""
    first = feed.first_covered  # type: ignore[attr-defined]
    return first is not None and first < due.first


def _why_none(feed: Feed) -> str:
    if feed.empty_file == Feed.Empty.NONE:
        return str(_("The balance is not positive, so no file comes."))
    return str(_("The balance is below the minimum and carries over."))
