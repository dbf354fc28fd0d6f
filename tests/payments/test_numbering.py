"""Gaps in the numbers partners give their files, and numbers given twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from payments import numbering
from payments.models import Run, SettlementFile
from tests.payments import nights
from wallets.models import Feed

FIRST = date(2026, 10, 1)
NOW = datetime(2026, 10, 15, 18, 0, tzinfo=UTC)


def number(sequence: int, day: int, *, within: str = "", wallet: str = "bluecode") -> Run:
    """A reconciled file of a day of October with a partner's number."""
    on = FIRST + timedelta(days=day - 1)
    return nights.reconciled(
        wallet, day=on, sequence=sequence, sequence_of=within, name=f"{wallet}-{sequence}-{day}.txt"
    )


def missing() -> list[tuple[str, str, int, int, int, int]]:
    found, _twice = numbering.oddities(Feed.objects.order_by("code"), now=NOW)
    return [(g.feed.code, g.within, g.first, g.last, g.before, g.after) for g in found]


def twice() -> list[tuple[str, int, list[str]]]:
    _missing, found = numbering.oddities(Feed.objects.order_by("code"), now=NOW)
    return [(one.feed.code, one.number, [file.name for file in one.files]) for one in found]


def test_a_number_that_never_came_is_missing_until_it_comes(alliance):
    number(40, 1)
    number(42, 3)
    assert missing() == [("bluecode", "", 41, 41, 40, 42)]
    number(41, 2)
    assert missing() == []


def test_it_fills_its_gap_under_whatever_period_it_comes(alliance):
    for sequence, day in ((40, 1), (42, 3), (41, 9), (43, 4)):
        number(sequence, day)
    assert (missing(), twice()) == ([], [])


def test_several_missing_numbers_are_one_gap(alliance):
    for sequence, day in ((40, 1), (44, 2), (46, 3)):
        number(sequence, day)
    assert missing() == [("bluecode", "", 41, 43, 40, 44), ("bluecode", "", 45, 45, 44, 46)]


def test_nothing_is_missing_before_the_first_number_or_after_the_last(alliance):
    number(40, 1)
    number(41, 2)
    assert missing() == []


def test_numbers_run_within_a_sale_unit_and_a_feed(alliance):
    number(40, 1, within="16655")
    number(42, 2, within="16656")
    number(44, 3, within="16655", wallet="vipps")
    assert missing() == []
    number(43, 4, within="16655")
    assert missing() == [("bluecode", "16655", 41, 42, 40, 43)]


def test_numbers_may_begin_again(alliance):
    for sequence, day in ((998, 1), (999, 2), (0, 3), (1, 4), (3, 5)):
        number(sequence, day)
    assert (missing(), twice()) == ([("bluecode", "", 2, 2, 1, 3)], [])


def test_a_number_of_two_periods_came_twice(alliance):
    for sequence, day in ((40, 1), (41, 2), (41, 3)):
        number(sequence, day)
    assert twice() == [("bluecode", 41, ["bluecode-41-2.txt", "bluecode-41-3.txt"])]


def test_files_of_one_number_and_one_period_belong_together(alliance):
    number(40, 1)
    nights.reconciled("bluecode", day=FIRST, sequence=40)
    assert twice() == []


def test_a_corrected_version_has_the_number_of_the_file_it_replaces(alliance):
    number(40, 1)
    old = number(41, 2)
    SettlementFile.objects.filter(pk=old.file_id).update(state="superseded")
    nights.reconciled(
        "bluecode", day=FIRST + timedelta(days=2), identity=old.file.identity, version=2,
        sequence=41,
    )  # fmt: skip
    number(42, 3)
    assert (missing(), twice()) == ([], [])


def test_a_number_in_a_refused_file_came_and_is_not_missing(alliance):
    number(40, 1)
    number(42, 3)
    day = FIRST + timedelta(days=1)
    nights.quarantined("bluecode", period_from=day, period_to=day, sequence=41)
    assert missing() == []


def test_old_numbers_are_let_rest(alliance):
    nights.reconciled("bluecode", day=FIRST - timedelta(days=100), sequence=20)
    number(40, 1)
    assert missing() == []


def test_one_question_is_asked_whatever_the_number(alliance, django_assert_num_queries):
    feeds = list(Feed.objects.all())
    for sequence in range(1, 13, 2):
        number(sequence, sequence)
    with django_assert_num_queries(1):
        found, _twice = numbering.oddities(feeds, now=NOW)
    assert len(found) == 5


@pytest.fixture
def page(client, clerk, monkeypatch):
    """Return what the clerk reads on the page of the nights."""
    monkeypatch.setattr("portal.core.clock.now", lambda: NOW)

    def read() -> str:
        client.force_login(clerk)
        return client.get(reverse("payments:nights")).content.decode()

    return read


def test_the_clerk_reads_which_numbers_are_odd(page, alliance):
    for sequence, day in ((40, 1), (42, 3), (45, 4), (45, 5)):
        number(sequence, day, within="AT-1")
    text = page()
    assert "number 41 is missing between 40 and 42 (AT-1). Ask for the file." in text
    assert "numbers 43 to 44 are missing between 42 and 45 (AT-1). Ask for the file." in text
    assert "number 45 came twice, for two periods:" in text
    assert 'class="banner banner--warn"' in text
    for sequence, day in ((41, 2), (43, 6), (44, 7)):
        number(sequence, day, within="AT-1")
    assert "missing between" not in page()


def test_the_clerk_reads_which_place_cannot_be_reached_and_why(page, alliance):
    Feed.objects.filter(code="vipps").update(failing_since=NOW, failure="The server hangs up.")
    text = page()
    assert (
        "we cannot reach the place of its files since 15 Oct 2026, 20:00 CEST, so nothing of it "
        "comes. The server hangs up."
    ) in text.replace("\n", "")
    assert 'class="banner banner--bad"' in text


def test_the_clerk_reads_of_which_feed_nothing_can_be_told(page, alliance):
    Feed.objects.filter(code="pivo").update(schedule="dayly")
    assert "Correct its feed in the back office. &#x27;dayly&#x27; is no schedule" in page()
