"""What lies at the place of a feed: which files are whole, which were taken. Never parses.

A look at a place is a listing compared with what earlier looks saw (wallets.Sighting): a file
that is still growing shows by its size and time from one look to the next, in whatever process
that happens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.db.models import Q, QuerySet

from wallets import places, wrapping
from wallets.models import Feed, Sighting
from wallets.places import Found, Place, Walk

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=60)
LONGEST_NAME = 254
AT_ONCE = 500


@dataclass(frozen=True)
class Arrival:
    """A whole file at a place that is to be taken, and what lies beside it.

    ``shown`` is its name as any database and page can hold it. ``was_taken`` means that only
    moving it away is left to do.
    """

    found: Found
    shown: str
    signature: Found | None = None
    marker: Found | None = None
    was_taken: bool = False


def shown(text: str, longest: int) -> str:
    """Return a text as one that any database and page can hold, different for different texts.

    A name may have bytes that are no text, control characters, or no end.
    """
    plain = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
    if len(plain) <= longest:
        return plain
    return f"{plain[: longest - 17]}~{sha256(plain.encode()).hexdigest()[:16]}"


def due(*, now: datetime) -> QuerySet[Feed]:
    """Return the feeds whose places nobody has looked at for a minute."""
    return (
        Feed.objects.filter(Q(looked_at=None) | Q(looked_at__lte=now - LOOK_EVERY), active=True)
        .exclude(place="")
        .order_by("pk")
    )


# --- what is there


def walk(feed: Feed) -> Walk:
    """Return which folders below its place a feed's files lie in: its pattern says so.

    Where taken files are moved to is none of them. Raises places.Unreachable.
    """
    return places.walk(feed.pattern, but=feed.move_to if feed.after == Feed.After.MOVE else "")


def look(
    feed: Feed, place: Place, *, now: datetime, alive: Callable[[], None] = places.nothing
) -> list[Arrival]:
    """List a place, remember what is there, and return what can be taken, in order of name.

    Names beginning with a dot, or ending in .part, .tmp or .filepart, are files still being
    written; signatures and markers beside a file belong to it. ``alive`` is called now and
    then. Raises places.Unreachable.
    """
    arrivals = list(_files(feed, place.listing(walk(feed), alive=alive)))
    known = {row.name: row for row in Sighting.objects.filter(feed=feed)}
    new: list[Sighting] = []
    waiting: dict[str, Arrival] = {}
    for arrival in arrivals:
        if arrival.shown in waiting:
            continue  # two names that are shown alike; the second comes when the first is gone
        waiting[arrival.shown] = arrival
        modified = _modified(arrival)
        row = known.get(arrival.shown)
        if row is None:
            new.append(
                Sighting(
                    feed=feed, name=arrival.shown, size=arrival.found.size, modified=modified,
                    since=now,
                )
            )  # fmt: skip
        elif (row.size, row.modified) != (arrival.found.size, modified):
            row.size, row.modified, row.since, row.taken_at = (
                arrival.found.size, modified, now, None,
            )  # fmt: skip
            row.save(update_fields=["size", "modified", "since", "taken_at"])
    Sighting.objects.bulk_create(new, batch_size=AT_ONCE, ignore_conflicts=True)
    if not place.closed:
        # Else what lies in a folder that is shut today would come again tomorrow.
        _forget(row.pk for name, row in known.items() if name not in waiting)
    seen = known | {row.name: row for row in new}
    return [
        Arrival(a.found, a.shown, a.signature, a.marker, was_taken=True)
        if seen[name].taken_at
        else a
        for name, a in waiting.items()
        if (feed.after == Feed.After.MOVE if seen[name].taken_at else _is_whole(feed, a, seen, now))
    ]


def _files(feed: Feed, listing: list[Found]) -> Iterator[Arrival]:
    """Yield the files among what is listed, each with its signature and marker."""
    by_name = {found.name: found for found in listing}
    has_markers = feed.ready_when == Feed.Ready.MARKER and bool(feed.marker_suffix)
    for found in listing:
        name = found.name
        if has_markers and name.endswith(feed.marker_suffix):
            continue
        if not wrapping.is_wanted(name, feed.pattern) or wrapping.is_signature_of(name, by_name):
            continue
        beside = (by_name.get(name + suffix) for suffix in wrapping.SIGNATURE_SUFFIXES)
        yield Arrival(
            found, shown(name, LONGEST_NAME), next(filter(None, beside), None),
            by_name.get(name + feed.marker_suffix) if has_markers else None,
        )  # fmt: skip


def _modified(arrival: Arrival) -> str:
    """Return the time of a file as it is remembered; a signature that comes later changes it."""
    if arrival.signature is None:
        return arrival.found.modified[:40]
    told = f"{arrival.found.modified}/{arrival.signature.size}@{arrival.signature.modified}"
    return told if len(told) <= 40 else sha256(told.encode()).hexdigest()[:40]


def _is_whole(feed: Feed, arrival: Arrival, seen: dict[str, Sighting], now: datetime) -> bool:
    if feed.ready_when == Feed.Ready.AT_ONCE:
        return True
    if feed.ready_when == Feed.Ready.MARKER:
        return arrival.marker is not None
    quiet = timedelta(seconds=feed.quiet_seconds)
    return now - seen[arrival.shown].since >= quiet


def _forget(pks: Iterable[int]) -> None:
    gone = list(pks)
    for at in range(0, len(gone), AT_ONCE):
        Sighting.objects.filter(pk__in=gone[at : at + AT_ONCE]).delete()


def taken(feed: Feed, arrival: Arrival, *, now: datetime) -> None:
    """Remember that a file was taken as it was seen; if it has changed since, it was not."""
    Sighting.objects.filter(
        feed=feed, name=arrival.shown, size=arrival.found.size, modified=_modified(arrival)
    ).update(taken_at=now)


# --- whether the place can be reached


def reached(feed: Feed, *, now: datetime) -> None:
    """Write down that a place was looked at; says once that it works again."""
    Feed.objects.filter(pk=feed.pk).update(looked_at=now)
    again = Feed.objects.filter(pk=feed.pk, failing_since__isnull=False).update(
        failing_since=None, failure=""
    )
    if again:
        logger.warning("feed %s works again", feed.code)


def failed(feed: Feed, why: str, *, now: datetime) -> None:
    """Write down that a place failed; says so once, when it begins to."""
    began = Feed.objects.filter(pk=feed.pk, failing_since=None).update(
        looked_at=now, failing_since=now, failure=why
    )
    if began:
        logger.warning("feed %s fails: %s", feed.code, why)
    else:
        Feed.objects.filter(pk=feed.pk).update(looked_at=now, failure=why)
