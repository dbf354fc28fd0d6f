"""Files that are due and absent are told as breaks, and taken back when it is over."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from payments import absence, breaks, due, queries, reconciliation, settlement
from payments.due import Night
from payments.models import Break, LedgerEntry, SettlementFile
from portal import tasks
from portal.core import calendars
from portal.core.models import AuditEntry
from tests import builders
from tests.payments import nights
from wallets.models import Feed

DAY = date(2026, 10, 14)
NOON = datetime(2026, 10, 15, 10, 0, tzinfo=UTC)
"""The deadline of Vipps for the file of the 14th, which is 12:00 in Oslo."""
EVENING = datetime(2026, 10, 15, 18, 0, tzinfo=UTC)


@pytest.fixture
def missed(shop) -> Break:
    """The break of a file with one sale, due on 15 October and absent."""
    builders.payment(shop)
    absence.watch(now=NOON)
    return Break.objects.get()


def acts() -> list[tuple[str, str, str]]:
    """Return (verb, who, note) of what was done about absent files."""
    done = AuditEntry.objects.filter(target_type="payments.break").order_by("pk")
    return [(one.verb, one.actor_label, one.data.get("note", "")) for one in done]


def test_a_file_is_told_absent_at_its_deadline_and_not_before(shop):
    builders.payment(shop)
    absence.watch(now=NOON - timedelta(seconds=1))
    assert Break.objects.count() == 0
    absence.watch(now=NOON)
    told = Break.objects.get()
    assert (told.feed.code, told.wallet, told.outcome, told.state, told.business_date) == (
        "vipps", "vipps", "file_absent", "open", DAY,
    )  # fmt: skip
    assert (told.run, told.file, told.entry) == (None, None, None)
    assert (told.currency, told.expected_minor, told.opened_at) == ("NOK", 9_725, NOON)
    assert told.note == (
        "The file of Vipps with the business date 2026-10-14 was due on 2026-10-15 by 12:00 "
        "(Europe/Oslo) and has not come. Open: 1 entry, 97.25 NOK net."
    )
    opened = AuditEntry.objects.get(verb="payments.file.absent")
    assert (opened.actor, opened.actor_label, opened.target_id) == (None, "vipps", str(told.pk))
    assert opened.data == {
        "due": "2026-10-15", "first": "2026-10-14", "last": "2026-10-14",
        "open": {"NOK": [1, 9_725]},
    }  # fmt: skip


def test_it_is_told_once_however_often_one_looks(missed, django_assert_num_queries):
    for minutes in range(3):
        with django_assert_num_queries(4):
            absence.watch(now=NOON + timedelta(minutes=minutes))
    assert list(Break.objects.all()) == [missed]
    assert [verb for verb, _who, _note in acts()] == ["payments.file.absent"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="asks SQLite how it finds rows")
def test_absences_are_found_without_walking_through_all_breaks(db):
    plan = due.absence_breaks(since=DAY).explain()
    assert "USING INDEX absences_by_date" in plan
    assert "SCAN payments_break\n" not in plan + "\n"


def test_nothing_is_written_where_nothing_is_absent(alliance, django_assert_num_queries):
    with django_assert_num_queries(4):
        absence.watch(now=EVENING)


def test_of_two_workers_one_tells_it(missed):
    cell = due.calendar(now=EVENING).in_state(Night.ABSENT)[0]
    # The other worker had looked before the break was there.
    absence._open(cell, now=EVENING)
    assert list(Break.objects.all()) == [missed]
    assert len(acts()) == 1


def test_of_two_workers_one_closes_it(missed):
    for _worker in range(2):
        absence._close(missed, "Came late: a.xml.", now=EVENING)
    assert acts()[1:] == [("payments.break.closed", "onestile", "Came late: a.xml.")]


def test_the_database_itself_keeps_one_open_break_of_a_file(missed):
    with pytest.raises(IntegrityError), transaction.atomic():
        Break.objects.create(
            feed=missed.feed, wallet="vipps", outcome="file_absent", business_date=DAY,
            opened_at=NOON,
        )  # fmt: skip
    assert list(Break.objects.all()) == [missed]


def test_amounts_are_told_by_currency(shop, merchant):
    builders.payment(shop)
    builders.payment(shop)
    builders.payment(builders.location(merchant, country="IS"), price_minor=2_500)
    absence.watch(now=NOON)
    told = Break.objects.get()
    assert (told.currency, told.expected_minor) == ("", None)
    assert told.note.endswith("Open: 1 entry, 2456 ISK net; 2 entries, 194.50 NOK net.")


def test_what_carries_over_is_told_with_the_file_it_belongs_to(merchant):
    cafe = builders.location(merchant, country="FI")
    for day, minor in ((5, 3_000), (10, 2_045)):
        at = datetime(2026, 10, day, 9, tzinfo=UTC)
        builders.payment(cafe, wallet="epassi", price_minor=minor, occurred_at=at)
    absence.watch(now=datetime(2026, 10, 16, 18, 0, tzinfo=UTC))
    told = Break.objects.get()
    assert told.business_date == date(2026, 10, 15)
    assert told.note == (
        "The file of ePassi with the business dates 2026-10-08 to 2026-10-15 was due on "
        "2026-10-16 by 12:00 (Europe/Helsinki) and has not come. Open: 2 entries, 50.00 EUR net. "
        "With it should come what carries over since 2026-10-05."
    )


def test_a_place_that_cannot_be_reached_is_told_with_it(shop):
    builders.payment(shop)
    Feed.objects.filter(code="vipps").update(failing_since=NOON, failure="The host key is new.")
    absence.watch(now=EVENING)
    assert Break.objects.get().note.endswith(
        "We cannot reach the place where it lies since 2026-10-15 10:00 UTC: The host key is new."
    )


# --- how it ends


def closed(told: Break) -> tuple[str, str]:
    told.refresh_from_db()
    return told.state, told.closing_note


def test_a_file_that_comes_late_closes_it(missed):
    nights.reconciled("vipps", day=DAY, name="vipps-late.xml", received_at=EVENING)
    absence.watch(now=EVENING)
    assert closed(missed) == ("closed", "Came late: vipps-late.xml.")
    assert (missed.closed_at, missed.closed_by, missed.closed_by_run) == (EVENING, None, None)
    assert acts()[1:] == [
        ("payments.break.closed", "onestile", "Came late: vipps-late.xml.")
    ]  # fmt: skip
    cells = {cell.feed.code: cell for _day, row in due.calendar(now=EVENING).rows for cell in row
             if cell.due == date(2026, 10, 15)}  # fmt: skip
    assert (cells["vipps"].state, cells["vipps"].came_late) == (Night.RECONCILED, True)
    assert len(acts()) == 2


def test_it_stays_open_while_the_file_is_being_read(missed):
    nights.file("vipps", received_at=EVENING)
    absence.watch(now=EVENING)
    assert closed(missed) == ("open", "")


def test_a_late_file_that_cannot_be_taken_has_come_all_the_same(missed):
    nights.quarantined("vipps", name="vipps-cut.xml", received_at=EVENING)
    absence.watch(now=EVENING)
    assert closed(missed) == ("closed", "Came late: vipps-cut.xml, and could not be taken.")
    assert Break.objects.get(state="open").outcome == "file_quarantined"


def test_it_is_told_again_when_the_refused_file_is_waved_through_and_no_other_comes(missed, clerk):
    nights.quarantined("vipps", received_at=EVENING)
    absence.watch(now=EVENING)
    breaks.close(Break.objects.get(state="open"), by=clerk, note="They send another.", now=EVENING)
    absence.watch(now=EVENING + timedelta(hours=1))
    again = Break.objects.get(state="open")
    assert (again.outcome, again.business_date) == ("file_absent", DAY)
    assert again.pk != missed.pk


def test_entries_written_off_leave_nothing_to_wait_for(missed):
    run = nights.reconciled("vipps", day=DAY - timedelta(days=1))
    nights.broken(
        run, "missing_in_settlement", entry=LedgerEntry.objects.get(), state="written_off",
        closing_note="Lost for good.",
    )  # fmt: skip
    absence.watch(now=EVENING)
    assert closed(missed) == (
        "closed", "Nothing is open any more that this file should have brought.",
    )  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"schedule": "1,8,16,24"}, {"expected_by": time(23, 0)}, {"schedule": "monthly"}]
)
def test_a_corrected_rule_closes_it(missed, change):
    Feed.objects.filter(code="vipps").update(**change)
    absence.watch(now=EVENING)
    assert closed(missed) == (
        "closed", "The rule of the feed was changed: no file is due for these dates.",
    )  # fmt: skip


def test_a_rule_that_cannot_be_read_leaves_it_as_it_is(missed):
    Feed.objects.filter(code="vipps").update(schedule="dayly")
    absence.watch(now=EVENING)
    assert closed(missed) == ("open", "")


def test_a_feed_that_is_switched_off_closes_it(missed):
    Feed.objects.filter(code="vipps").update(active=False)
    absence.watch(now=EVENING)
    assert closed(missed) == ("closed", "The feed was switched off.")


def test_a_person_who_closes_it_is_not_asked_again(missed, clerk):
    breaks.close(missed, by=clerk, note="Vipps settles it by hand.", now=EVENING)
    for hours in range(3):
        absence.watch(now=EVENING + timedelta(hours=hours))
    assert list(Break.objects.all()) == [missed]
    cell = next(one for one in due.calendar(now=EVENING).judged if one.break_id)
    assert (cell.feed.code, cell.state, cell.look, cell.detail, cell.break_id) == (
        "vipps", Night.CLOSED, "calm", "Vipps settles it by hand.", missed.pk,
    )  # fmt: skip
    assert due.due_and_absent(now=EVENING) == []


def test_an_old_absence_stays_until_its_file_comes(missed):
    later = NOON + timedelta(days=200)
    absence.watch(now=later)
    assert closed(missed) == ("open", "")
    found = due.calendar(now=later).in_state(Night.ABSENT)
    assert [(cell.feed.code, cell.last) for cell in found] == [("vipps", DAY)]
    nights.reconciled("vipps", day=DAY, name="vipps-old.xml", received_at=later)
    absence.watch(now=later)
    assert closed(missed) == ("closed", "Came late: vipps-old.xml.")
    assert due.calendar(now=later).in_state(Night.ABSENT) == []


def test_an_absence_of_before_a_long_standstill_is_told_still(shop):
    builders.payment(shop)
    absence.watch(now=NOON + timedelta(days=absence.WATCHED_DAYS))
    assert Break.objects.count() == 0
    absence.watch(now=NOON + timedelta(days=absence.WATCHED_DAYS - 1))
    assert Break.objects.get().business_date == DAY


# --- the rest of the portal


def test_the_tick_tells_it_by_the_portals_clock(shop, monkeypatch):
    monkeypatch.setattr("portal.core.clock.now", lambda: NOON)
    monkeypatch.setattr(tasks, "due", lambda: iter(()))
    builders.payment(shop)
    tasks.tick()
    assert Break.objects.get().opened_at == NOON


def test_a_run_proves_the_same_behind_an_absence(shop, tmp_path):
    payment = builders.payment(shop)
    path = builders.settlement_file(
        tmp_path, [builders.line(LedgerEntry.objects.get(payment=payment))], name="vipps-1.xml"
    )
    absence.watch(now=NOON)
    missed = Break.objects.get()
    file = builders.reconciled("vipps", path)
    run = file.runs.get()
    assert (file.state, run.outcomes) == ("reconciled", {"matched": 1})
    one, none = {"count": 1, "minor": 10_000}, {"count": 0, "minor": 0}
    rolls = queries.roll_of(run, file.feed)
    assert [(r.opening, r.new_due, r.settled, r.written_off, r.closing) for r in rolls] == [
        (none, one, one, none, none)
    ]
    assert list(queries.breaks_in(file, run)) == []
    # The run leaves it alone; the watch takes it back.
    assert closed(missed) == ("open", "")
    absence.watch(now=EVENING)
    assert closed(missed) == ("closed", "Came late: vipps-1.xml.")


def test_the_page_of_the_nights_leads_to_it_and_a_note_ends_it(client, clerk, missed, monkeypatch):
    monkeypatch.setattr("portal.core.clock.now", lambda: EVENING)
    client.force_login(clerk)
    url = reverse("payments:break", args=[missed.pk])
    shown = client.get(reverse("payments:nights")).content.decode()
    assert shown.count(f'href="{url}"') == 2
    page = client.get(url).content.decode()
    assert "File is due and absent" in page
    assert "Open: 1 entry, 97.25 NOK net." in page
    assert "Write off" not in page
    assert client.post(url, {"act": "close", "note": "By hand."}).headers["Location"] == "/finance/"
    shown = client.get(reverse("payments:nights")).content.decode()
    assert "Somebody has to ask" not in shown
    assert "absent, closed" in shown


@pytest.mark.parametrize(("person", "seen"), [("vipps_admin", 1), ("rival_admin", 0)])
def test_the_partner_sees_its_own_absences_only(request, client, missed, person, seen):
    client.force_login(request.getfixturevalue(person))
    shown = client.get(reverse("admin:payments_break_changelist"))
    assert shown.context["cl"].result_count == seen


# --- a month


def delivered(
    folder: Path, days: list[date], *, at: datetime, name: str, number: int, cut: bool = False
) -> SettlementFile:
    """Deliver Vipps' file of some business dates as it is at an instant, and have it read."""
    feed = Feed.objects.select_related("wallet").get(code="vipps")
    entries = LedgerEntry.objects.filter(feed=feed, business_date__in=days).order_by("pk")
    path = builders.settlement_file(
        folder, [builders.line(entry) for entry in entries], name=name, day=days[0], number=number
    )
    if cut:
        path.write_bytes(path.read_bytes()[:-200])
    delivery = settlement.receive(feed=feed, name=name, path=path, now=at)
    reconciliation.run_feed(feed.pk, now=at)
    delivery.file.refresh_from_db()
    return delivery.file


def test_a_month_with_a_late_an_absent_and_a_refused_file(shop, tmp_path):
    """October of a wallet with a file each day, looked at as files come and at the deadline.

    The file of the 6th comes 27 hours late, that of the 13th never, that of the 20th is cut and
    corrected two days after.
    """
    Feed.objects.exclude(code="vipps").update(active=False)
    days = list(calendars.days(date(2026, 10, 1), date(2026, 10, 31)))
    arrivals: dict[datetime, tuple[date, str, bool]] = {}
    for number, day in enumerate(days):
        builders.payment(
            shop, occurred_at=datetime.combine(day, time(9), tzinfo=UTC),
            price_minor=10_000 + number,
        )  # fmt: skip
        morning = datetime.combine(day + calendars.DAY, time(6), tzinfo=UTC)
        if day.day == 6:
            morning += timedelta(hours=27)
        if day.day != 13:
            arrivals[morning] = (day, f"vipps-{day}.xml", day.day == 20)
    arrivals[datetime(2026, 10, 23, 9, tzinfo=UTC)] = (
        date(2026, 10, 20), "vipps-2026-10-20-again.xml", False,
    )  # fmt: skip

    now, colours = datetime(2026, 10, 2, tzinfo=UTC), {}
    while now <= datetime(2026, 11, 1, 12, tzinfo=UTC):
        for day, name, cut in [arrivals[now]] if now in arrivals else []:
            delivered(tmp_path, [day], at=now, name=name, number=2_000_000 + day.day, cut=cut)
        if now.hour == 10 or now in arrivals:
            absence.watch(now=now)
            bad = {
                (cell.due.day, cell.state.value)
                for cell in due.calendar(now=now).judged
                if cell.feed.code == "vipps" and cell.look == "bad"
            }
            if bad != (list(colours.values()) or [set()])[-1]:
                colours[now.strftime("%d %H:%M")] = bad
        now += timedelta(hours=1)

    absent, refused = "absent", "quarantined"
    assert colours == {
        "07 10:00": {(7, absent)},
        "08 09:00": set(),
        "14 10:00": {(14, absent)},
        "21 06:00": {(14, absent), (21, refused)},
        "23 09:00": {(14, absent)},
    }
    told = Break.objects.filter(outcome="file_absent").order_by("pk")
    assert [
        (one.business_date.day, one.opened_at.strftime("%d %H:%M"), one.state, one.closing_note)
        for one in told
    ] == [
        (6, "07 10:00", "closed", "Came late: vipps-2026-10-06.xml."),
        (13, "14 10:00", "open", ""),
    ]
    assert told[0].closed_at == datetime(2026, 10, 8, 9, tzinfo=UTC)
    files = SettlementFile.objects.order_by("pk")
    assert [(f.name, f.version, f.state) for f in files if f.state != "reconciled" or f.version > 1
            ] == [
        ("vipps-2026-10-20.xml", 1, "quarantined"),
        ("vipps-2026-10-20-again.xml", 2, "reconciled"),
    ]  # fmt: skip
    assert files.count() == 31
    # What is left open is the sale of the 13th alone.
    assert [one.business_date.day for one in due.open_entries()] == [13]
    rolls = queries.roll_forward()
    assert [(roll.closing, roll.adds_up) for roll in rolls] == [
        ({"count": 1, "minor": 10_012}, True)
    ]
