"""Business days, cut-offs, schedules and holidays. Pure; no Django, and never a look at the clock.

A business day of a wallet is half-open, from its cut-off to the next one in the wallet's
own zone, so it has 23 or 25 hours when the clocks change.

A schedule names *nominal* dates. The file of a nominal date closes a period: it carries the
business dates since the nominal date before, up to the day before its own. Where holidays
are kept, a nominal date on a weekend or a holiday moves to the next working day, and several
may fall on one; what is due that day then carries all their periods. So every business date
is carried by exactly one due date.

Holidays are the national public holidays of a country and the closing days of TARGET, the
euro area's payment system, as the library ``holidays`` has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays as calendar_of

DAY = timedelta(days=1)
MIDNIGHT = time(0, 0)
SATURDAY = 5
TARGET = "TARGET"


class BadRule(ValueError):
    """A rule by which no file can be due."""


class BadSchedule(BadRule):
    """A schedule text that is no schedule."""


class BadHolidays(BadRule):
    """A text that names no country's holidays, and not TARGET's."""


class Rule(NamedTuple):
    """When files are due.

    ``schedule`` is one of

    - ``daily``: every date,
    - ``weekdays``: working days, that is Monday to Friday without the holidays, so that
      Monday's file carries Friday to Sunday,
    - ``monthly``: the first of the month,
    - days of the month such as ``1,8,16,24``, from 1 to 28.

    ``holidays`` is empty, a country such as ``NO``, ``TARGET``, or several of them joined by
    a comma: then a working day is one on which none of them is closed. Empty, nothing moves:
    a file due on the 1st is due on a Sunday too.
    """

    schedule: str
    holidays: str = ""

    def check(self) -> None:
        """Raise BadSchedule or BadHolidays when one of the texts cannot be read."""
        _days_of_month(self.schedule)
        _closing(self.holidays)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


# --- business days


@lru_cache(maxsize=8_192)
def _start(day: date, zone_name: str, cutoff: time) -> datetime:
    """Return when a business day starts, in UTC.

    A cut-off that the clock passes twice counts the first time; one that it skips counts as
    long after midnight as on other days.
    """
    return datetime.combine(day, cutoff, tzinfo=zone(zone_name)).astimezone(UTC)


def business_date(instant: datetime, zone_name: str, cutoff: time = MIDNIGHT) -> date:
    """Return the business date of an aware instant in a zone with a local cut-off."""
    day = instant.astimezone(zone(zone_name)).date()
    # By instants, not by the clock on the wall, which goes back an hour once a year.
    if instant < _start(day, zone_name, cutoff):
        return day - DAY
    if instant >= _start(day + DAY, zone_name, cutoff):
        return day + DAY
    return day


def day_bounds(day: date, zone_name: str, cutoff: time = MIDNIGHT) -> tuple[datetime, datetime]:
    """Return the half-open [start, end) of a business day, in UTC."""
    return _start(day, zone_name, cutoff), _start(day + DAY, zone_name, cutoff)


def deadline(due: date, by: time, zone_name: str) -> datetime:
    """Return the instant, in UTC, by which the file due on a date is expected.

    Where the clock shows that time twice, the second one counts; where it skips it, as long
    after midnight as on other days: nobody is called late who may have read it otherwise.
    """
    local = datetime.combine(due, by, tzinfo=zone(zone_name))
    return max(local.astimezone(UTC), local.replace(fold=1).astimezone(UTC))


def days(first: date, last: date) -> Iterator[date]:
    """Yield every date from first to last, both included."""
    while first <= last:
        yield first
        first += DAY


# --- working days


@lru_cache(maxsize=64)
def _closing(text: str) -> tuple[str, ...]:
    """Return the names of a holidays text, each of which there is."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(","))) if text.strip() else ()
    for name in names:
        is_country = len(name) == 2 and name.isascii() and name.isalpha() and name.isupper()
        try:
            if not is_country and name != TARGET:
                raise NotImplementedError
            _calendar(name, 2026)
        except NotImplementedError:
            raise BadHolidays(
                f"{name!r} names no holidays: write a country such as NO, or TARGET, or "
                "several with a comma between them."
            ) from None
    return names


@lru_cache(maxsize=1_024)
def _calendar(name: str, year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Return the holidays of a year, and the weekend days that are worked for them.

    Made anew for each year and kept: the library's own tables grow while they are asked,
    and another thread may then find half a year.
    """
    found = (
        calendar_of.financial_holidays("XECB", years=year)
        if name == TARGET
        else calendar_of.country_holidays(name, years=year)
    )
    worked = (day for day in found.weekend_workdays if day.year == year)
    return frozenset(day for day in found if day.year == year), frozenset(worked)


@lru_cache(maxsize=16_384)
def is_working_day(day: date, holidays: str = "") -> bool:
    """Tell whether a date is a working day: no weekend, and none of the calendars is closed.

    China works some weekends in exchange for days off; such a day is one where no other
    calendar is kept beside it.
    """
    is_weekend = day.weekday() >= SATURDAY
    names = _closing(holidays)
    if not names:
        return not is_weekend
    for name in names:
        closed, worked = _calendar(name, day.year)
        if day in closed or (is_weekend and day not in worked):
            return False
    return True


# --- when a file is due


@lru_cache(maxsize=64)
def _days_of_month(schedule: str) -> frozenset[int] | None:
    """Return the days of the month a schedule names; None for ``daily`` and ``weekdays``."""
    if schedule in ("daily", "weekdays"):
        return None
    parts = [part.strip() for part in ("1" if schedule == "monthly" else schedule).split(",")]
    found = frozenset(int(part) for part in parts if part.isascii() and part.isdigit())
    if len(found) < len(parts) or not all(1 <= day <= 28 for day in found):
        raise BadSchedule(
            f"{schedule!r} is no schedule: write daily, weekdays, monthly, or days of the "
            "month from 1 to 28 such as 1,8,16,24."
        )
    return found


def _is_nominal(day: date, rule: Rule) -> bool:
    listed = _days_of_month(rule.schedule)
    if listed is not None:
        return day.day in listed
    return rule.schedule == "daily" or is_working_day(day, rule.holidays)


def _moved(day: date, rule: Rule) -> date:
    """Return the date on which what is due on a nominal date really comes."""
    while _closing(rule.holidays) and not is_working_day(day, rule.holidays):
        day += DAY
    return day


@lru_cache(maxsize=16_384)
def due_on(day: date, rule: Rule) -> date:
    """Return the date on which the file that carries a business date is due.

    It is the first nominal date after the business date, moved to a working day where
    holidays are kept. Raise BadRule for a rule that cannot be read.
    """
    nominal = day + DAY
    while not _is_nominal(nominal, rule):
        nominal += DAY
    return _moved(nominal, rule)


@lru_cache(maxsize=16_384)
def _period(due: date, rule: Rule) -> tuple[date, date] | None:
    """Return the first and last business date of the file due on a date; None if none is."""
    if _moved(due, rule) != due:
        return None
    # Nominal dates that fall here: this one, and those on closed days right before it.
    nominal, latest = due, None
    while nominal == due or _moved(nominal, rule) == due:
        if _is_nominal(nominal, rule):
            latest = latest or nominal
            earliest = nominal
        nominal -= DAY
    if latest is None:
        return None
    first = earliest - DAY
    while not _is_nominal(first, rule):
        first -= DAY
    return first, latest - DAY


def period_due(due: date, rule: Rule) -> tuple[date, date]:
    """Return the first and last business date that the file due on a date carries.

    Raise ValueError when no file is due on that date, BadRule for a rule that cannot be read.
    """
    found = _period(due, rule)
    if found is None:
        raise ValueError(f"No file is due on {due} by {rule.schedule} {rule.holidays}".rstrip())
    return found


def due_dates(first: date, last: date, rule: Rule) -> list[date]:
    """Return the dates from first to last, both included, on which a file is due."""
    return [day for day in days(first, last) if _period(day, rule)]
