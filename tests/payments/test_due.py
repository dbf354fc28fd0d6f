"""The calendar of due files: what is owed without a file, and what stands for a date."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from payments import due
from payments.due import Balance, Night
from payments.models import Break, LedgerEntry, Run, SettlementFile
from tests import builders
from tests.payments import nights
from wallets.models import Feed, Wallet

DAY = date(2026, 10, 14)
DUE = date(2026, 10, 15)
EVENING = datetime(2026, 10, 15, 18, 0, tzinfo=UTC)


def cell(wallet: str, on: date = DUE, *, now: datetime = EVENING) -> due.Cell:
    """Return what the calendar says of a feed on a date."""
    for day, cells in due.calendar(now=now).rows:
        if day == on:
            return next(cell for cell in cells if cell.feed.code == wallet)
    raise AssertionError(f"{on} is not in the calendar")


def absent(now: datetime = EVENING) -> list[tuple[str, date]]:
    return [(cell.feed.code, cell.due) for cell in due.due_and_absent(now=now)]


# --- due and absent


def test_a_file_with_open_entries_and_a_passed_deadline_is_due_and_absent(shop):
    builders.payment(shop)
    assert absent() == [("vipps", DUE)]
    found = cell("vipps")
    assert (found.state, found.look, found.first, found.last) == (Night.ABSENT, "bad", DAY, DAY)


def test_it_is_not_absent_before_the_deadline_in_the_wallets_own_zone(shop):
    builders.payment(shop)
    # Expected by 12:00 in Oslo, which is 10:00 UTC in October.
    assert absent(datetime(2026, 10, 15, 9, 59, tzinfo=UTC)) == []
    assert cell("vipps", now=datetime(2026, 10, 15, 9, 59, tzinfo=UTC)).state == Night.NOT_YET_DUE
    assert absent(datetime(2026, 10, 15, 10, 0, tzinfo=UTC)) == [("vipps", DUE)]


def test_nothing_is_due_where_nothing_was_sold(shop):
    assert absent() == []
    assert cell("vipps").state == Night.NOTHING_DUE


def test_a_reconciled_file_of_the_day_is_present(shop):
    builders.payment(shop)
    nights.reconciled("vipps", day=DAY)
    assert absent() == []
    assert cell("vipps").state == Night.RECONCILED


def test_a_file_of_another_day_does_not_stand_in(shop):
    builders.payment(shop)
    nights.reconciled("vipps", day=DAY - timedelta(days=1))
    assert absent() == [("vipps", DUE)]


def test_open_breaks_show_until_they_are_closed(shop):
    run = nights.reconciled("vipps", day=DAY, outcomes={"matched": 1, "amount_mismatch": 1})
    opened = nights.broken(run)
    assert cell("vipps").state == Night.BREAKS
    opened.state, opened.closing_note = Break.State.CLOSED, "Paid with the next file."
    opened.save()
    assert cell("vipps").state == Night.RECONCILED


def test_a_quarantined_file_has_come_but_is_red(shop):
    builders.payment(shop)
    file = nights.quarantined("vipps", received_at=EVENING)
    assert absent() == []
    found = cell("vipps")
    assert (found.state, found.look, found.file_id) == (Night.QUARANTINED, "bad", file.pk)


def test_two_quarantined_files_of_two_nights_stand_for_two_dates(shop):
    builders.payment(shop)
    builders.payment(shop, occurred_at=builders.NOON - timedelta(days=1))
    first = nights.quarantined("vipps", received_at=EVENING)
    second = nights.quarantined("vipps", received_at=EVENING)
    assert cell("vipps").file_id == second.pk
    assert cell("vipps", DAY).file_id == first.pk


def test_a_corrected_version_takes_the_red_away(shop):
    builders.payment(shop)
    file = nights.quarantined("vipps", received_at=EVENING)
    nights.reconciled("vipps", day=DAY, identity=file.identity, version=2)
    assert cell("vipps").state == Night.RECONCILED


def test_a_correction_that_cannot_be_read_is_red_on_the_date_it_corrects(shop):
    run = nights.reconciled("vipps", day=DAY)
    nights.quarantined("vipps", received_at=EVENING, identity=run.file.identity, version=2)
    assert cell("vipps").state == Night.QUARANTINED


def test_a_file_that_waits_is_being_read(shop):
    builders.payment(shop)
    nights.file("vipps", received_at=EVENING)
    assert (cell("vipps").state, absent()) == (Night.WAITING, [])


def test_a_wallet_that_sends_no_file_for_a_negative_balance_owes_none(shop):
    sold = builders.payment(shop, occurred_at=builders.NOON - timedelta(days=1))
    builders.refund(sold, occurred_at=builders.NOON)
    nights.reconciled("vipps", day=DAY - timedelta(days=1))
    assert absent() == []
    found = cell("vipps")
    assert found.state == Night.NOTHING_DUE
    assert found.detail == "The balance is not positive, so no file comes."


def test_the_same_balance_is_absent_where_the_wallet_always_sends_a_file(shop):
    Feed.objects.filter(code="vipps").update(empty_file=Feed.Empty.ZERO)
    sold = builders.payment(shop, occurred_at=builders.NOON - timedelta(days=1))
    builders.refund(sold, occurred_at=builders.NOON)
    nights.reconciled("vipps", day=DAY - timedelta(days=1))
    assert absent() == [("vipps", DUE)]


# --- small balances, currency by currency


AT_THE_16TH = datetime(2026, 10, 16, 18, 0, tzinfo=UTC)
"""ePassi's file of the 8th to the 15th is due this day at noon."""


@pytest.fixture
def cafe(merchant):
    """A shop in Helsinki, which sells in euro."""
    return builders.location(merchant, country="FI", city="Helsinki")


@pytest.fixture
def kiosk(merchant):
    """A shop in Stockholm, which sells in kronor."""
    return builders.location(merchant, country="SE", city="Stockholm")


def sell(at, minor: int, day: str, *, wallet: str = "epassi"):
    """Sell at nine in the morning of a day."""
    noon = datetime.fromisoformat(f"{day}T09:00+00:00")
    return builders.payment(at, wallet=wallet, price_minor=minor, occurred_at=noon)


def balances(found: due.Cell) -> list[tuple[str, int, int]]:
    return [(one.currency, one.net_minor, one.entries) for one in found.open]


def test_files_of_four_days_a_month_are_planned_on_those_days_only(alliance):
    now = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
    planned = [
        day.day
        for day, cells in reversed(due.calendar(now=now, days=31).rows)
        for found in cells
        if found.feed.code == "epassi" and found.state != Night.NO_FILE_PLANNED
    ]
    assert planned == [1, 8, 16, 24]


@pytest.mark.parametrize(
    ("sold", "net", "state"),
    [(5_044, 4_999, Night.NOTHING_DUE), (5_045, 5_000, Night.ABSENT)],
)
def test_a_balance_below_fifty_euro_carries_over(cafe, sold, net, state):
    # The fee of 0.90 % is taken off first.
    sell(cafe, sold, "2026-10-10")
    found = cell("epassi", date(2026, 10, 16), now=AT_THE_16TH)
    assert (found.state, balances(found)) == (state, [("EUR", net, 1)])
    assert found.detail == (
        "The balance is below the minimum and carries over." if state == "nothing_due" else ""
    )


def test_a_carried_balance_counts_towards_the_next_file(cafe):
    sell(cafe, 3_000, "2026-10-05")
    sell(cafe, 2_045, "2026-10-10")
    first = cell("epassi", date(2026, 10, 8), now=AT_THE_16TH)
    assert (first.state, balances(first)) == (Night.NOTHING_DUE, [("EUR", 2_973, 1)])
    found = cell("epassi", date(2026, 10, 16), now=AT_THE_16TH)
    assert found.open == (Balance("EUR", 5_000, 2, date(2026, 10, 5)),)
    assert absent(AT_THE_16TH) == [("epassi", date(2026, 10, 16))]


def test_each_currency_has_a_minimum_of_its_own(cafe, kiosk):
    sell(cafe, 9_000, "2026-10-05")
    sell(kiosk, 30_000, "2026-10-05")
    now = datetime(2026, 10, 8, 18, 0, tzinfo=UTC)
    found = cell("epassi", date(2026, 10, 8), now=now)
    # 300 kronor are less than the 550 that are paid out, and not asked for.
    assert (found.state, balances(found)) == (Night.ABSENT, [("EUR", 8_919, 1)])


def test_kronor_below_their_minimum_are_not_red_though_more_than_fifty(kiosk):
    sell(kiosk, 30_000, "2026-10-05")
    now = datetime(2026, 10, 8, 18, 0, tzinfo=UTC)
    assert absent(now) == []
    assert cell("epassi", date(2026, 10, 8), now=now).state == Night.NOTHING_DUE


def test_a_currency_that_carries_over_does_so_beside_an_absent_file(cafe, kiosk):
    sell(cafe, 9_000, "2026-10-05")
    sell(kiosk, 30_000, "2026-10-05")
    sell(kiosk, 30_000, "2026-10-10")
    nights.reconciled("epassi", day=date(2026, 9, 24), to=date(2026, 9, 30))
    found = cell("epassi", date(2026, 10, 16), now=AT_THE_16TH)
    # The euro of the 8th stay with the file of the 8th.
    assert found.open == (Balance("SEK", 59_460, 2, date(2026, 10, 5)),)
    assert absent(AT_THE_16TH) == [
        ("epassi", date(2026, 10, 16)), ("epassi", date(2026, 10, 8)),
    ]  # fmt: skip


def test_a_minimum_that_is_not_told_for_a_currency_is_the_same_number(kiosk):
    Feed.objects.filter(code="epassi").update(minimum_by_currency={})
    sell(kiosk, 5_045, "2026-10-10")
    assert absent(AT_THE_16TH) == [("epassi", date(2026, 10, 16))]


def test_a_negative_balance_of_one_currency_does_not_excuse_another(shop, cafe):
    sold = sell(shop, 10_000, "2026-10-13", wallet="vipps")
    builders.refund(sold, occurred_at=builders.NOON)
    sell(cafe, 10_000, "2026-10-14", wallet="vipps")
    nights.reconciled("vipps", day=DAY - timedelta(days=1))
    found = cell("vipps")
    assert (found.state, balances(found)) == (Night.ABSENT, [("EUR", 9_825, 1)])


def test_a_negative_balance_carries_over_until_it_is_positive(cafe):
    sold = sell(cafe, 10_000, "2026-10-12", wallet="vipps")
    builders.refund(sold, occurred_at=datetime(2026, 10, 13, 9, tzinfo=UTC))
    sell(cafe, 4_000, "2026-10-14", wallet="vipps")
    nights.reconciled("vipps", day=date(2026, 10, 12))
    assert absent() == []
    found = cell("vipps")
    assert found.detail == "The balance is not positive, so no file comes."
    assert balances(found) == [("EUR", -6_070, 2)]
    sell(cafe, 10_000, "2026-10-15", wallet="vipps")
    next_evening = EVENING + timedelta(days=1)
    assert absent(next_evening) == [("vipps", date(2026, 10, 16))]
    found = cell("vipps", date(2026, 10, 16), now=next_evening)
    assert found.open == (Balance("EUR", 3_755, 3, date(2026, 10, 13)),)


def test_a_balance_that_carries_over_too_long_does_not_vanish(cafe):
    sell(cafe, 2_000, "2026-08-05")
    carried = Balance("EUR", 1_982, 1, date(2026, 8, 5))
    # The file of 8 September comes 34 days later, that of the 16th 42 days.
    early = due.calendar(now=datetime(2026, 9, 10, 18, 0, tzinfo=UTC))
    assert early.carried == []
    next_year = datetime(2027, 8, 25, 18, 0, tzinfo=UTC)
    for now in (datetime(2026, 9, 17, 18, 0, tzinfo=UTC), AT_THE_16TH, next_year):
        found = due.calendar(now=now)
        assert [(feed.code, one) for feed, one in found.carried] == [("epassi", carried)]
        assert found.in_state(Night.ABSENT) == []
    shown = cell("epassi", date(2026, 10, 16), now=AT_THE_16TH)
    assert (shown.state, shown.look, shown.open) == (Night.CARRIED_LONG, "warn", (carried,))


def test_nor_does_it_vanish_behind_files_that_come_without_it(cafe):
    sell(cafe, 2_000, "2026-08-05")
    run = nights.reconciled("epassi", day=date(2026, 10, 8), to=date(2026, 10, 15))
    found = cell("epassi", date(2026, 10, 16), now=AT_THE_16TH)
    assert (found.state, found.file_id) == (Night.CARRIED_LONG, run.file_id)
    # Once it is settled the file is what it is.
    nights.settled(LedgerEntry.objects.get(), run)
    found = cell("epassi", date(2026, 10, 16), now=AT_THE_16TH)
    assert (found.state, found.file_id) == (Night.RECONCILED, run.file_id)


# --- files that always come


def test_an_empty_file_that_does_not_come_is_not_red_but_shown(alliance):
    assert cell("pivo").state == Night.NOTHING_DUE
    nights.reconciled("pivo", day=date(2026, 10, 12))
    found = cell("pivo")
    assert (found.state, found.look, found.word) == (Night.NO_EMPTY_FILE, "warn", "no empty file")
    assert found.detail == "The partner always sends a file. Nothing is open without this one."
    assert cell("pivo", date(2026, 10, 12)).state == Night.NOTHING_DUE
    assert absent() == []


def test_an_empty_file_that_came_is_reconciled(alliance):
    nights.reconciled("pivo", day=DAY, outcomes={"matched": 0})
    assert cell("pivo").state == Night.RECONCILED


# --- the schedule


def test_no_file_is_planned_between_the_days_of_a_schedule(shop):
    assert cell("epassi", date(2026, 10, 15)).state == Night.NO_FILE_PLANNED


def test_entries_settled_by_a_neighbours_file_or_written_off_are_not_owed(shop):
    settled, written_off = builders.payment(shop), builders.payment(shop)
    run = nights.reconciled("vipps", day=DAY - timedelta(days=1))
    nights.settled(LedgerEntry.objects.get(payment=settled), run)
    assert absent() == [("vipps", DUE)]
    nights.broken(
        run, "missing_in_settlement", entry=LedgerEntry.objects.get(payment=written_off),
        state=Break.State.WRITTEN_OFF, closing_note="Lost for good.",
    )  # fmt: skip
    assert absent() == []


def test_links_of_a_run_that_is_still_being_written_settle_nothing(shop):
    run = nights.reconciled("vipps", day=DAY - timedelta(days=1))
    Run.objects.filter(pk=run.pk).update(state=Run.State.WRITING)
    nights.settled(LedgerEntry.objects.get(payment=builders.payment(shop)), run)
    assert absent() == [("vipps", DUE)]


def test_a_file_that_covers_only_part_of_its_period_leaves_the_rest_absent(cafe):
    sell(cafe, 9_000, "2026-10-05")
    sell(cafe, 9_000, "2026-10-10")
    nights.reconciled("epassi", day=date(2026, 10, 1), to=date(2026, 10, 7))
    nights.reconciled("epassi", day=date(2026, 10, 8), to=date(2026, 10, 9))
    assert absent(AT_THE_16TH) == [("epassi", date(2026, 10, 16))]


def test_files_that_wait_for_working_days_are_not_due_on_weekends(shop):
    Feed.objects.filter(code="vipps").update(schedule="weekdays", holidays="NO")
    sell(shop, 10_000, "2026-10-09", wallet="vipps")
    sunday = datetime(2026, 10, 11, 18, 0, tzinfo=UTC)
    assert absent(sunday) == []
    assert cell("vipps", date(2026, 10, 11), now=sunday).state == Night.NO_FILE_PLANNED
    monday = datetime(2026, 10, 12, 18, 0, tzinfo=UTC)
    assert absent(monday) == [("vipps", date(2026, 10, 12))]
    found = cell("vipps", date(2026, 10, 12), now=monday)
    assert (found.first, found.last) == (date(2026, 10, 9), date(2026, 10, 11))


def test_one_file_of_three_days_covers_them_all(shop):
    Feed.objects.filter(code="vipps").update(schedule="weekdays")
    for day in ("2026-10-09", "2026-10-10", "2026-10-11"):
        sell(shop, 10_000, day, wallet="vipps")
    monday = datetime(2026, 10, 12, 18, 0, tzinfo=UTC)
    nights.reconciled("vipps", day=date(2026, 10, 9), to=date(2026, 10, 10))
    found = cell("vipps", date(2026, 10, 12), now=monday)
    assert (found.state, balances(found)) == (Night.ABSENT, [("NOK", 9_725, 1)])
    nights.reconciled("vipps", day=date(2026, 10, 11))
    assert cell("vipps", date(2026, 10, 12), now=monday).state == Night.RECONCILED


def test_a_file_due_in_the_hour_that_comes_twice_is_late_after_the_second(shop):
    Feed.objects.filter(code="vipps").update(expected_by=time(2, 30))
    sell(shop, 10_000, "2026-10-24", wallet="vipps")
    assert absent(datetime(2026, 10, 25, 1, 29, tzinfo=UTC)) == []
    assert absent(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == [("vipps", date(2026, 10, 25))]


def test_it_is_red_on_time_where_tomorrow_has_already_begun(cafe):
    # In Shanghai it is 2 o'clock of the 15th while London still has the 14th.
    Feed.objects.filter(code="alipay").update(expected_by=time(2, 0))
    sell(cafe, 10_000, "2026-10-14", wallet="alipay")
    now = datetime(2026, 10, 14, 18, 0, tzinfo=UTC)
    assert absent(now - timedelta(seconds=1)) == []
    assert absent(now) == [("alipay", DUE)]


def test_a_rule_that_cannot_be_read_hides_only_its_own_feed(shop):
    builders.payment(shop)
    Feed.objects.filter(code="pivo").update(schedule="dayly")
    Wallet.objects.filter(code="momo").update(timezone="Mars/Base")
    found = due.calendar(now=EVENING)
    assert [(feed.code, why[:30]) for feed, why in found.unreadable] == [
        ("momo", "Its time zone does not exist."),
        ("pivo", "'dayly' is no schedule: write "),
    ]
    assert absent() == [("vipps", DUE)]
    assert cell("pivo").state == Night.NO_FILE_PLANNED


# --- what covers a date


def test_a_refused_file_covers_nothing_though_its_period_is_known(shop):
    builders.payment(shop)
    file = nights.quarantined("vipps", received_at=EVENING, period_from=DAY, period_to=DAY)
    assert (cell("vipps").state, cell("vipps").file_id) == (Night.QUARANTINED, file.pk)
    # Somebody has dealt with the refusal: what is left is that the file is absent.
    Break.objects.update(state=Break.State.CLOSED, closing_note="They send it under a new name.")
    assert (cell("vipps").state, absent()) == (Night.ABSENT, [("vipps", DUE)])
    nights.reconciled("vipps", day=DAY)
    assert (cell("vipps").state, absent()) == (Night.RECONCILED, [])


def test_a_refused_file_of_an_older_day_stands_for_that_day(shop):
    builders.payment(shop, occurred_at=builders.NOON - timedelta(days=3))
    day = DAY - timedelta(days=3)
    nights.quarantined("vipps", received_at=EVENING, period_from=day, period_to=day)
    assert cell("vipps", DUE - timedelta(days=3)).state == Night.QUARANTINED
    assert cell("vipps").state == Night.NOTHING_DUE


def test_a_file_of_totals_alone_covers_nothing(shop):
    builders.payment(shop)
    run = nights.reconciled("vipps", day=DAY, is_summary=True)
    assert absent() == [("vipps", DUE)]
    nights.reconciled("vipps", day=DAY)
    assert cell("vipps").state == Night.RECONCILED
    nights.broken(run, "totals_differ")
    assert (cell("vipps").state, cell("vipps").file_id) == (Night.BREAKS, run.file_id)


def test_only_the_version_that_counts_covers_its_dates(shop):
    builders.payment(shop)
    old = nights.reconciled("vipps", day=DAY - timedelta(days=1), to=DAY)
    assert absent() == []
    Run.objects.filter(pk=old.pk).update(state=Run.State.REVERSED)
    SettlementFile.objects.filter(pk=old.file_id).update(state=SettlementFile.State.SUPERSEDED)
    new = nights.reconciled(
        "vipps", day=DAY - timedelta(days=1), identity=old.file.identity, version=2
    )
    # The corrected version no longer speaks of the 14th.
    assert absent() == [("vipps", DUE)]
    assert cell("vipps", DAY).file_id == new.file_id


def test_a_file_that_came_after_its_deadline_is_said_to_be_late(shop):
    builders.payment(shop)
    noon = datetime(2026, 10, 15, 10, 0, tzinfo=UTC)
    run = nights.reconciled("vipps", day=DAY, received_at=noon)
    assert (cell("vipps").state, cell("vipps").came_late) == (Night.RECONCILED, False)
    SettlementFile.objects.filter(pk=run.file_id).update(received_at=noon + timedelta(seconds=1))
    assert (cell("vipps").state, cell("vipps").came_late) == (Night.RECONCILED, True)


@pytest.mark.parametrize("number", [1, 12])
def test_the_calendar_asks_four_questions_whatever_the_number(
    shop, cafe, django_assert_num_queries, number
):
    for back in range(number):
        day = DAY - timedelta(days=back)
        sell(shop, 10_000, day.isoformat(), wallet="vipps")
        sell(cafe, 10_000, day.isoformat(), wallet="pivo")
        nights.broken(nights.reconciled("bluecode", day=day))
        nights.quarantined("momo", received_at=EVENING)
    with django_assert_num_queries(4):
        found = due.calendar(now=EVENING)
    assert len(found.in_state(Night.ABSENT)) == 2 * number
