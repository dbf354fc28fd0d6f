"""Business days: cut-offs, zones, the nights of 23 and 25 hours, and when a file is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.core import calendars
from portal.core.calendars import Rule

ZONES = ["Europe/Oslo", "Europe/Helsinki", "Europe/Lisbon", "Atlantic/Reykjavik", "Asia/Shanghai"]
AWKWARD_ZONES = [*ZONES, "America/Havana", "Asia/Beirut", "Australia/Lord_Howe"]
"""Two of them change their clocks at midnight, and the last by half an hour."""

SCHEDULES = ["daily", "weekdays", "monthly", "1,8,16,24", "2", "24,25,26", "1,15,28"]
COUNTRIES = ["AT", "DE", "ES", "PT", "FI", "SE", "DK", "NO", "IS", "SI", "CN"]
HOLIDAYS = ["", "TARGET", *COUNTRIES, "CN,TARGET", "FI, SE,TARGET"]

rules = st.builds(Rule, st.sampled_from(SCHEDULES), st.sampled_from(HOLIDAYS))
instants = st.integers(1_577_836_800, 1_893_456_000).map(lambda s: datetime.fromtimestamp(s, UTC))
cutoffs = st.sampled_from([time(0), time(2, 30), time(4), time(23, 45)])


DAY = date(2026, 10, 14)


def on(text: str) -> date:
    return date.fromisoformat(text)


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


@given(instants, st.sampled_from(AWKWARD_ZONES), cutoffs)
def test_every_instant_lies_in_exactly_its_business_day(instant, zone, cutoff):
    day = calendars.business_date(instant, zone, cutoff)
    start, end = calendars.day_bounds(day, zone, cutoff)
    assert start <= instant < end


@given(instants, st.integers(0, 200_000), st.sampled_from(AWKWARD_ZONES), cutoffs)
def test_the_business_date_never_goes_back(instant, seconds, zone, cutoff):
    later = instant + timedelta(seconds=seconds)
    assert calendars.business_date(instant, zone, cutoff) <= calendars.business_date(
        later, zone, cutoff
    )


@settings(max_examples=10)
@given(st.integers(2020, 2035), st.sampled_from(AWKWARD_ZONES), cutoffs)
def test_business_days_cover_a_year_without_gap_or_overlap(year, zone, cutoff):
    all_days = list(calendars.days(date(year, 1, 1), date(year, 12, 31)))
    bounds = [calendars.day_bounds(day, zone, cutoff) for day in all_days]
    assert [end for _start, end in bounds[:-1]] == [start for start, _end in bounds[1:]]
    for day, (start, end) in zip(all_days, bounds, strict=True):
        assert timedelta(hours=22) < end - start < timedelta(hours=26)
        assert calendars.business_date(start, zone, cutoff) == day
        assert calendars.business_date(end - timedelta(microseconds=1), zone, cutoff) == day


def test_a_cut_off_in_the_hour_that_comes_twice_counts_once():
    cutoff = time(2, 30)
    zone = "Europe/Oslo"
    assert calendars.day_bounds(on("2026-10-25"), zone, cutoff)[0] == at("2026-10-25T02:30+02:00")
    # 02:10 comes again after it, and is no longer the day before.
    assert calendars.business_date(at("2026-10-25T02:10+01:00"), zone, cutoff) == on("2026-10-25")
    assert calendars.business_date(at("2026-10-25T02:10+02:00"), zone, cutoff) == on("2026-10-24")


def test_a_cut_off_in_the_hour_that_is_skipped_comes_as_long_after_midnight():
    start, _end = calendars.day_bounds(on("2026-03-29"), "Europe/Oslo", time(2, 30))
    assert (
        start == at("2026-03-29T03:30+02:00") == at("2026-03-29T00:00+01:00") + timedelta(hours=2.5)
    )


# --- deadlines


@pytest.mark.parametrize(
    ("due", "by", "zone", "instant"),
    [
        ("2026-10-15", "12:00", "Europe/Oslo", "2026-10-15T10:00:00"),
        ("2026-12-15", "12:00", "Europe/Oslo", "2026-12-15T11:00:00"),
        ("2026-10-15", "12:00", "Asia/Shanghai", "2026-10-15T04:00:00"),
        # The clock shows 02:30 twice: the second time counts.
        ("2026-10-25", "02:30", "Europe/Oslo", "2026-10-25T01:30:00"),
        ("2026-10-25", "01:59", "Europe/Oslo", "2026-10-24T23:59:00"),
        ("2026-10-25", "03:00", "Europe/Oslo", "2026-10-25T02:00:00"),
        # It never shows 02:30: as long after midnight as on other days, which is 03:30.
        ("2026-03-29", "02:30", "Europe/Oslo", "2026-03-29T01:30:00"),
        ("2026-03-29", "01:59", "Europe/Oslo", "2026-03-29T00:59:00"),
        ("2026-03-29", "03:30", "Europe/Oslo", "2026-03-29T01:30:00"),
        ("2026-10-25", "01:30", "Europe/Lisbon", "2026-10-25T01:30:00"),
        ("2026-10-25", "02:30", "Atlantic/Reykjavik", "2026-10-25T02:30:00"),
    ],
)
def test_the_deadline_is_one_instant(due, by, zone, instant):
    found = calendars.deadline(on(due), time.fromisoformat(by), zone)
    assert found == at(f"{instant}+00:00")
    assert found.tzinfo is UTC


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.sampled_from(AWKWARD_ZONES), st.times())
def test_a_later_date_has_a_later_deadline(due, zone, by):
    by = by.replace(tzinfo=None)
    found = calendars.deadline(due, by, zone)
    gap = calendars.deadline(due + timedelta(days=1), by, zone) - found
    assert timedelta(hours=22) < gap < timedelta(hours=26)
    assert found.astimezone(calendars.zone(zone)).date() == due


# --- when a file is due


@settings(max_examples=60)
@given(st.integers(2019, 2036), rules)
def test_every_business_date_of_a_year_is_carried_by_exactly_one_due_date(year, rule):
    first, last = date(year, 1, 1), date(year, 12, 31)
    dues = calendars.due_dates(first, last + timedelta(days=60), rule)
    carried = [
        (day, due) for due in dues for day in calendars.days(*calendars.period_due(due, rule))
    ]
    # In order, each once, without a hole: from before the year to after it.
    assert [day for day, _due in carried] == list(
        calendars.days(carried[0][0], carried[-1][0])
    )  # fmt: skip
    assert carried[0][0] <= first
    assert carried[-1][0] >= last
    for day, due in carried:
        assert calendars.due_on(day, rule) == due > day
    assert {calendars.due_on(day, rule) for day in calendars.days(first, last)} <= set(dues)


@settings(max_examples=60)
@given(st.integers(2019, 2036), rules)
def test_files_are_due_on_working_days_where_holidays_are_kept(year, rule):
    dues = calendars.due_dates(date(year, 1, 1), date(year, 12, 31), rule)
    if rule.holidays:
        assert all(calendars.is_working_day(due, rule.holidays) for due in dues)
    elif rule.schedule == "weekdays":
        assert {due.weekday() for due in dues} == {0, 1, 2, 3, 4}
    elif rule.schedule == "daily":
        assert len(dues) in (365, 366)
    else:
        told = {"monthly": "1"}.get(rule.schedule, rule.schedule).split(",")
        assert {str(due.day) for due in dues} == set(told)


@settings(max_examples=30)
@given(st.dates(date(2019, 1, 1), date(2036, 1, 1)), st.sampled_from(HOLIDAYS[1:]))
def test_daily_files_that_wait_for_working_days_are_those_of_the_weekdays(day, holidays):
    assert calendars.due_on(day, Rule("daily", holidays)) == calendars.due_on(
        day, Rule("weekdays", holidays)
    )


@settings(max_examples=30)
@given(instants, st.sampled_from(ZONES), cutoffs, rules)
def test_a_sale_is_carried_by_the_file_that_its_business_date_names(instant, zone, cutoff, rule):
    day = calendars.business_date(instant, zone, cutoff)
    due = calendars.due_on(day, rule)
    first, last = calendars.period_due(due, rule)
    assert first <= day <= last < due
    # No file is due before the business day it carries is over.
    assert calendars.day_bounds(last, zone, cutoff)[1] <= calendars.deadline(due, cutoff, zone)


@pytest.mark.parametrize(
    ("due", "rule", "first", "last"),
    [
        # A payout on the 1st, 8th, 16th and 24th.
        ("2026-10-16", Rule("1,8,16,24"), "2026-10-08", "2026-10-15"),
        ("2026-10-24", Rule("1,8,16,24"), "2026-10-16", "2026-10-23"),
        ("2026-11-01", Rule("1,8,16,24"), "2026-10-24", "2026-10-31"),
        ("2026-11-08", Rule("24, 8,16,1"), "2026-11-01", "2026-11-07"),
        ("2026-03-01", Rule("1,8,16,24"), "2026-02-24", "2026-02-28"),
        # The 24th is Christmas Eve and the 1st New Year's Day in Finland.
        ("2026-12-28", Rule("1,8,16,24", "FI"), "2026-12-16", "2026-12-23"),
        ("2027-01-04", Rule("1,8,16,24", "FI"), "2026-12-24", "2026-12-31"),
        ("2027-01-08", Rule("1,8,16,24", "FI"), "2027-01-01", "2027-01-07"),
        # Three nominal dates fall on one working day.
        ("2026-12-28", Rule("24,25,26", "FI"), "2026-11-26", "2026-12-25"),
        ("2026-11-02", Rule("monthly", "SE"), "2026-10-01", "2026-10-31"),
        ("2026-11-01", Rule("monthly"), "2026-10-01", "2026-10-31"),
        ("2026-11-02", Rule("2"), "2026-10-02", "2026-11-01"),
        ("2026-10-12", Rule("daily"), "2026-10-11", "2026-10-11"),
        ("2026-10-12", Rule("weekdays"), "2026-10-09", "2026-10-11"),
        ("2026-10-13", Rule("weekdays"), "2026-10-12", "2026-10-12"),
        ("2026-10-12", Rule("daily", "NO"), "2026-10-09", "2026-10-11"),
        # Easter in Norway, from Maundy Thursday to Easter Monday; TARGET knows two of the days.
        ("2026-04-07", Rule("daily", "NO"), "2026-04-01", "2026-04-06"),
        ("2026-04-07", Rule("weekdays", "NO"), "2026-04-01", "2026-04-06"),
        ("2026-04-07", Rule("weekdays", "TARGET"), "2026-04-02", "2026-04-06"),
        ("2026-05-18", Rule("weekdays", "NO"), "2026-05-15", "2026-05-17"),
        # The golden week in China, and the Saturday worked for it.
        ("2026-10-08", Rule("weekdays", "CN"), "2026-09-30", "2026-10-07"),
        ("2026-10-10", Rule("weekdays", "CN"), "2026-10-09", "2026-10-09"),
        ("2026-10-12", Rule("weekdays", "CN,TARGET"), "2026-10-09", "2026-10-11"),
    ],
)  # fmt: skip
def test_the_period_of_a_file_by_the_day_it_is_due(due, rule, first, last):
    assert calendars.period_due(on(due), rule) == (on(first), on(last))
    assert calendars.due_on(on(first), rule) == calendars.due_on(on(last), rule) == on(due)


def test_a_month_of_a_wallet_that_rests_on_norwegian_holidays():
    dues = calendars.due_dates(on("2026-05-01"), on("2026-05-31"), Rule("weekdays", "NO"))
    # The 1st, Ascension Day, the 17th and Whit Monday are holidays.
    assert [due.day for due in dues] == [
        4, 5, 6, 7, 8, 11, 12, 13, 15, 18, 19, 20, 21, 22, 26, 27, 28, 29,
    ]  # fmt: skip


def test_a_date_without_a_file_carries_nothing():
    assert calendars.due_dates(on("2026-10-17"), on("2026-10-23"), Rule("1,8,16,24")) == []
    with pytest.raises(ValueError, match="No file is due on 2026-10-17 by 1,8,16,24$"):
        calendars.period_due(on("2026-10-17"), Rule("1,8,16,24"))


@pytest.mark.parametrize("name", COUNTRIES)
def test_new_years_day_is_free_in_all_the_countries(name):
    assert not calendars.is_working_day(on("2026-01-01"), name)
    assert calendars.is_working_day(on("2026-01-08"), name)


@pytest.mark.parametrize(
    "schedule",
    ["", "weekly", "Daily", "0", "29", "1,x", "1,,8", "1,8,", "1.5", "-1", "+1", "1_0", "\u0661"],
)
def test_a_schedule_that_is_none_is_refused(schedule):
    for ask in (Rule(schedule).check, lambda: calendars.due_on(DAY, Rule(schedule))):
        with pytest.raises(calendars.BadSchedule, match="is no schedule: write daily"):
            ask()


@pytest.mark.parametrize("holidays", ["no", "NOR", "XX", "TARGET2", "NO;SE", "NO,", "Norway", "ÅÄ"])
def test_holidays_that_there_are_none_of_are_refused(holidays):
    for ask in (
        Rule("daily", holidays).check,
        lambda: calendars.due_on(DAY, Rule("daily", holidays)),
    ):
        with pytest.raises(calendars.BadHolidays, match="names no holidays: write a country"):
            ask()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("holidays", HOLIDAYS)
def test_rules_that_can_be_read_pass(schedule, holidays):
    Rule(schedule, holidays).check()
