"""A file that is due and absent: told as a break when it is, and taken back when it comes.

One open break stands for one feed and one due date. Its ``business_date`` is the last
business date that the absent file should have carried: those periods never overlap, so it
names the file, and it keeps its meaning when a rule is changed afterwards.

Breaks of absence have no run and no entry: they say that a file is missing. What happens to
its entries is found by the run of the file, once there is one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from payments import due
from payments.due import Cell, Night
from payments.models import Break
from portal.core import audit, money

WATCHED_DAYS = 35
"""How far back an absence is still told for the first time, after a time out of order."""

RULE_CHANGED = "The rule of the feed was changed: no file is due for these dates."
SWITCHED_OFF = "The feed was switched off."
NOTHING_OWED = "Nothing is open any more that this file should have brought."


def watch(*, now: datetime) -> None:
    """Open a break for every file that is due and absent, and close those that are over.

    Safe with any number of workers at once: the database keeps one open break of a feed and
    date, and whoever closes it closes it once. Four questions when nothing has changed.
    """
    seen = due.calendar(now=now, days=WATCHED_DAYS)
    told = {
        (one.feed_id, one.business_date): one
        for one in seen.absences
        if one.state == Break.State.OPEN
    }
    for cell in seen.judged:
        known = told.pop((cell.feed.pk, cell.last), None)
        if cell.state == Night.ABSENT and known is None:
            if cell.due > now.date() - timedelta(days=WATCHED_DAYS):
                _open(cell, now=now)
        elif known is not None and (note := _why_over(cell)):
            _close(known, note, now=now)
    active = {feed.pk for feed in seen.feeds}
    in_doubt = {feed.pk for feed, _why in seen.unreadable}
    for known in told.values():
        if known.feed_id not in in_doubt:
            note = RULE_CHANGED if known.feed_id in active else SWITCHED_OFF
            _close(known, note, now=now)


def _why_over(cell: Cell) -> str:
    """Say why a file is no longer absent, or nothing while it is, or may be."""
    if cell.state in {Night.ABSENT, Night.WAITING}:
        return ""
    if cell.file is not None:
        unread = ", and could not be taken" if cell.state == Night.QUARANTINED else ""
        return f"Came late: {cell.file.name}{unread}."
    if cell.state == Night.NOT_YET_DUE:
        return RULE_CHANGED
    return NOTHING_OWED


def _open(cell: Cell, *, now: datetime) -> None:
    feed = cell.feed
    one = cell.open[0] if len(cell.open) == 1 else None
    try:
        with transaction.atomic():
            opened = Break.objects.create(
                feed=feed, wallet=feed.wallet.code, outcome=Break.Outcome.FILE_ABSENT,
                business_date=cell.last, note=in_words(cell), opened_at=now,
                currency=one.currency if one else "",
                expected_minor=one.net_minor if one else None,
            )  # fmt: skip
            audit.record(
                "payments.file.absent", opened, at=now, label=feed.code, due=cell.due,
                first=cell.first, last=cell.last,
                open={one.currency: [one.entries, one.net_minor] for one in cell.open},
            )  # fmt: skip
    except IntegrityError:
        # Another worker was quicker; its break says the same.
        return


def _close(known: Break, note: str, *, now: datetime) -> None:
    with transaction.atomic():
        closed = Break.objects.filter(pk=known.pk, state=Break.State.OPEN).update(
            state=Break.State.CLOSED, closed_at=now, closing_note=note
        )
        if closed:
            audit.record("payments.break.closed", known, at=now, note=note)


def in_words(cell: Cell) -> str:
    """Say which file is absent, for which business dates, and how much is open without it."""
    feed = cell.feed
    dates = f"date {cell.last}" if cell.first == cell.last else f"dates {cell.first} to {cell.last}"
    said = [
        f"The file of {feed.wallet.name} with the business {dates} was due on {cell.due} "
        f"by {feed.expected_by:%H:%M} ({feed.wallet.timezone}) and has not come."
    ]
    if cell.open:
        parts = [
            f"{one.entries} {'entry' if one.entries == 1 else 'entries'}, "
            f"{money.from_minor(one.net_minor, one.currency)} {one.currency} net"
            for one in cell.open
        ]
        said.append(f"Open: {'; '.join(parts)}.")
        since = min(one.since for one in cell.open)
        if cell.first and since < cell.first:
            said.append(f"With it should come what carries over since {since}.")
    if feed.failing_since:
        said.append(
            f"We cannot reach the place where it lies since {feed.failing_since:%Y-%m-%d %H:%M} "
            f"UTC: {feed.failure}"
        )
    return " ".join(said)
