"""Business days, cut-offs and schedules. Pure; no Django, and never a look at the clock.

A business day of a wallet is half-open, from its cut-off to the next one in the wallet's
own zone, so it has 23 or 25 hours when the clocks change.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MIDNIGHT = time(0, 0)


class BadSchedule(ValueError):
    """A schedule text that is neither ``daily`` nor a list of days of the month."""


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def business_date(instant: datetime, zone_name: str, cutoff: time = MIDNIGHT) -> date:
    """Return the business date of an aware instant in a zone with a local cut-off."""
    local = instant.astimezone(zone(zone_name))
    return local.date() if local.time() >= cutoff else local.date() - DAY


def day_bounds(day: date, zone_name: str, cutoff: time = MIDNIGHT) -> tuple[datetime, datetime]:
    """Return the half-open [start, end) of a business day, in UTC."""
    start = datetime.combine(day, cutoff, tzinfo=zone(zone_name)).astimezone(UTC)
    end = datetime.combine(day + DAY, cutoff, tzinfo=zone(zone_name)).astimezone(UTC)
    return start, end


def days(first: date, last: date) -> Iterator[date]:
    """Yield every date from first to last, both included."""
    while first <= last:
        yield first
        first += DAY


@lru_cache(maxsize=64)
def month_days(schedule: str) -> tuple[int, ...] | None:
    """Return the days of the month a schedule names, or None when it is ``daily``."""
    if schedule == "daily":
        return None
    try:
        found = tuple(sorted({int(part) for part in schedule.split(",")}))
    except ValueError:
        found = ()
    if not found or not all(1 <= day <= 28 for day in found):
        raise BadSchedule(
            f"{schedule!r} is no schedule: write daily, or days of the month from 1 to 28 "
            "such as 1,8,16,24."
        )
    return found


def due_on(day: date, schedule: str) -> date:
    """Return the date on which the file that carries a business date is due.

    Daily files are due the next day. A file due on listed days of the month carries the
    business dates since the listed day before, up to the day before it is due.
    """
    listed = month_days(schedule)
    due = day + DAY
    while listed is not None and due.day not in listed:
        due += DAY
    return due


def period_due(due: date, schedule: str) -> tuple[date, date]:
    """Return the first and last business date that a file due on a date carries."""
    last = due - DAY
    listed = month_days(schedule)
    first = last
    while listed is not None and first.day not in listed:
        first -= DAY
    return first, last


def due_dates(first: date, last: date, schedule: str) -> list[date]:
    """Return the dates from first to last, both included, on which a file is due."""
    listed = month_days(schedule)
    return [day for day in days(first, last) if listed is None or day.day in listed]
