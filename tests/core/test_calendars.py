"""Business days: cut-offs, zones, the nights of 23 and 25 hours, and when a file is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core import calendars

ZONES = ["Europe/Oslo", "Europe/Helsinki", "Europe/Lisbon", "Atlantic/Reykjavik", "Asia/Shanghai"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2019-06-10T23:30+02:00", "Europe/Oslo", "2019-06-10"),
        ("2019-06-10T23:30+02:00", "Asia/Shanghai", "2019-06-11"),
        ("2026-07-01T17:59+02:00", "Asia/Shanghai", "2026-07-01"),
        ("2026-07-01T18:00+02:00", "Asia/Shanghai", "2026-07-02"),
        ("2026-10-25T00:30+00:00", "Europe/Oslo", "2026-10-25"),
        ("2026-10-25T22:59:59+00:00", "Europe/Oslo", "2026-10-25"),
        ("2026-10-25T23:00+00:00", "Europe/Oslo", "2026-10-26"),
    ],
)
def test_the_business_date_of_an_instant(instant, zone, day):
    assert calendars.business_date(at(instant), zone) == date.fromisoformat(day)


def test_a_cut_off_at_four_moves_the_night_to_the_day_before():
    cutoff = time(4, 0)
    day = calendars.business_date
    assert day(at("2026-10-15T03:59+02:00"), "Europe/Oslo", cutoff) == date(2026, 10, 14)
    assert day(at("2026-10-15T04:00+02:00"), "Europe/Oslo", cutoff) == date(2026, 10, 15)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25)])
def test_the_days_when_the_clocks_change(day, hours):
    start, end = calendars.day_bounds(date(*day), "Europe/Oslo")
    assert end - start == timedelta(hours=hours)


@given(
    st.integers(1_577_836_800, 1_893_456_000).map(lambda s: datetime.fromtimestamp(s, UTC)),
    st.sampled_from(ZONES),
    st.sampled_from([time(0), time(4)]),
)
def test_every_instant_lies_in_exactly_its_business_day(instant, zone, cutoff):
    day = calendars.business_date(instant, zone, cutoff)
    start, end = calendars.day_bounds(day, zone, cutoff)
    assert start <= instant < end


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.sampled_from(["daily", "1,8,16,24", "1"]))
def test_a_business_date_lies_in_the_period_of_the_file_it_is_due_in(day, schedule):
    due = calendars.due_on(day, schedule)
    first, last = calendars.period_due(due, schedule)
    assert first <= day <= last < due
    assert due in calendars.due_dates(day, due, schedule)


def test_four_files_a_month():
    assert calendars.period_due(date(2026, 10, 16), "1,8,16,24") == (
        date(2026, 10, 8), date(2026, 10, 15),
    )  # fmt: skip
    assert calendars.period_due(date(2026, 3, 1), "1,8,16,24") == (
        date(2026, 2, 24), date(2026, 2, 28),
    )  # fmt: skip


@pytest.mark.parametrize("schedule", ["", "weekly", "0", "29", "1,x"])
def test_a_schedule_that_is_none_is_refused(schedule):
    with pytest.raises(calendars.BadSchedule):
        calendars.due_on(date(2026, 10, 14), schedule)
