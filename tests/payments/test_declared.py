"""Totals that a partner declares in a file of their own, from folders of each day on a server."""

from __future__ import annotations

import os
from datetime import date, timedelta

import pytest

from payments import collecting, reconciliation, settlement
from payments.models import Batch, Break, Delivery, LedgerEntry, Link, SettlementFile
from portal.core.models import AuditEntry
from tests import builders, sftp
from tests.builders import DAY, NOON
from wallets.formats import antom_settlement
from wallets.formats.statement import Batch as Stated
from wallets.formats.statement import Sheet
from wallets.models import Feed

DAYS = timedelta(days=1)
EMPTY = "0" * 19


@pytest.fixture
def server(tmp_path):
    with sftp.serve(tmp_path / "partner") as running:
        yield running


@pytest.fixture
def feed(alliance, server) -> Feed:
    """Alipay's feed as Antom leaves it: a folder of each day, items and a summary in it."""
    feed = Feed.objects.select_related("wallet").get(code="alipay")
    feed.place, feed.password = server.place, sftp.PASSWORD
    feed.host_key, feed.pattern = sftp.public(sftp.HOST_KEY), "*/settlement*.csv"
    feed.format = "antom_settlement"
    feed.save()
    return feed


@pytest.fixture
def sold(merchant):
    """A function that makes payments of 10.01, 10.02, … EUR with Alipay; returns their entries."""
    shop = builders.location(merchant, country="FI")

    def sell(number: int, *, day: date = DAY) -> list[LedgerEntry]:
        made = [
            builders.payment(
                shop, wallet="alipay", occurred_at=NOON + (day - DAY), price_minor=1_001 + at
            )
            for at in range(number)
        ]
        return list(LedgerEntry.objects.filter(payment__in=made).order_by("pk"))

    return sell


def currency_of(entries: list[LedgerEntry]) -> str:
    (currency,) = {entry.settlement_currency for entry in entries}
    return currency


def net_of(entries: list[LedgerEntry]) -> int:
    return sum(entry.settlement_minor - entry.fee_minor for entry in entries)


def batch_of(day: date) -> str:
    return f"{day + DAYS:%Y%m%d}00000000123"


def leave(
    server, feed: Feed, kind: str, entries: list[LedgerEntry], *, day: date = DAY, part: int = 0,
    currency: str = "", more: str = "",
) -> str:  # fmt: skip
    """Leave a report of a day's entries in the folder of the day after; return its name."""
    currency = currency or currency_of(entries)
    batch = batch_of(day) if entries else EMPTY
    name = f"{day + DAYS:%Y%m%d}/settlement{kind}_{currency}_{batch}_{part:03}{more}.csv"
    path = server.folder / name
    path.parent.mkdir(exist_ok=True)
    sheet = Sheet(
        wallet="alipay", number=123, period_from=day, period_to=day, made_on=day + DAYS,
        batches=[Stated(batch, "alipay", currency)] if entries else [],
        lines=[builders.line(entry) for entry in entries],
    )  # fmt: skip
    antom_settlement.write(path, sheet, settlement.options(feed))
    return name


def look(feed: Feed, now=NOON) -> list[str]:
    """Look at the place and read what came; return its names."""
    found = collecting.collect(feed.pk, now=now)
    assert found is not None
    assert found.wrong == []
    reconciliation.run_feed(feed.pk, now=now)
    return [delivery.name for delivery in found.taken]


def states() -> dict[str, str]:
    return dict(SettlementFile.objects.order_by("pk").values_list("name", "state"))


def test_a_summary_that_agrees_opens_no_break_day_after_day_an_empty_one_included(
    feed, server, sold
) -> None:
    first, third = sold(3), sold(2, day=DAY + 2 * DAYS)
    currency = currency_of(first)
    names = []
    for day, entries in ((DAY, first), (DAY + DAYS, []), (DAY + 2 * DAYS, third),
                         (DAY + 3 * DAYS, [])):  # fmt: skip
        names += [
            leave(server, feed, kind, entries, day=day, currency=currency)
            for kind in ("Items", "Summary")
        ]
    assert look(feed) == sorted(names)
    assert look(feed) == []
    assert states() == dict.fromkeys(sorted(names), "reconciled")
    # Both empty cycles have one file name, equal bytes, and are of days of their own.
    empty = SettlementFile.objects.filter(name__contains=EMPTY, is_summary=False).order_by("pk")
    assert [(one.version, one.period_from, one.period_to) for one in empty] == [
        (1, DAY + DAYS, DAY + DAYS), (1, DAY + 3 * DAYS, DAY + 3 * DAYS),
    ]  # fmt: skip
    assert len({one.identity for one in empty}) == 2
    assert len({one.sha256 for one in empty}) == 1
    assert list(Link.objects.order_by("entry").values_list("entry", flat=True)) == [
        entry.pk for entry in (*first, *third)
    ]
    sums = {
        (b.settlement_ref, b.file.is_summary): b.net_minor + b.other_minor
        for b in Batch.objects.select_related("file")
    }
    assert sums == {
        (batch_of(day), is_summary): net_of(entries)
        for day, entries in ((DAY, first), (DAY + 2 * DAYS, third))
        for is_summary in (False, True)
    }
    assert not Break.objects.exists()


@pytest.mark.parametrize("summary_first", [False, True])
def test_a_summary_that_differs_opens_one_break_which_the_missing_part_closes(
    feed, server, sold, summary_first
) -> None:
    entries = sold(3)
    currency, ref = currency_of(entries), batch_of(DAY)
    if summary_first:
        leave(server, feed, "Summary", entries)
        look(feed)
        assert not Break.objects.exists()  # its lines have not come
    leave(server, feed, "Items", entries[:2])
    if not summary_first:
        leave(server, feed, "Summary", entries)
    look(feed)
    differs = Break.objects.get(outcome="totals_differ")
    assert (differs.state, differs.wallet_ref, differs.currency) == ("open", ref, currency)
    assert (differs.expected_minor, differs.settled_minor) == (
        net_of(entries[:2]), net_of(entries),
    )  # fmt: skip
    assert differs.file.is_summary
    assert Break.objects.filter(outcome="missing_in_settlement", state="open").count() == 1
    missing = leave(server, feed, "Items", entries[2:], part=1)
    assert look(feed, NOON + DAYS) == [missing]
    differs.refresh_from_db()
    assert (differs.state, differs.closed_at) == ("closed", NOON + DAYS)
    assert differs.closing_note == f"Its lines now add up to what it declares, with {missing}."
    assert differs.closed_by_run.file.name == missing
    assert not Break.objects.filter(state="open").exists()
    assert Break.objects.filter(outcome="totals_differ").count() == 1


def test_a_part_that_brings_not_all_of_it_changes_the_break_and_opens_no_second(
    feed, server, sold
) -> None:
    entries = sold(3)
    leave(server, feed, "Items", entries[:1])
    leave(server, feed, "Summary", entries)
    look(feed)
    leave(server, feed, "Items", entries[1:2], part=1)
    look(feed)
    differs = Break.objects.get(outcome="totals_differ")
    assert (differs.state, differs.expected_minor, differs.settled_minor) == (
        "open", net_of(entries[:2]), net_of(entries),
    )  # fmt: skip


def test_a_corrected_summary_closes_the_break_of_the_one_before(feed, server, sold) -> None:
    entries = sold(3)
    leave(server, feed, "Items", entries[:2])
    name = leave(server, feed, "Summary", entries)
    look(feed)
    leave(server, feed, "Summary", entries[:2])
    os.utime(server.folder / name, (1, 1))
    assert look(feed) == [name]
    (differs,) = Break.objects.filter(outcome="totals_differ")
    assert (differs.state, differs.closing_note) == (
        "closed", f"A corrected version came: {name}.",
    )  # fmt: skip


def test_lines_that_are_taken_back_open_the_break_again(feed, server, sold) -> None:
    entries = sold(3)
    leave(server, feed, "Items", entries[:2])
    second = leave(server, feed, "Items", entries[2:], part=1)
    leave(server, feed, "Summary", entries)
    look(feed)
    assert not Break.objects.filter(outcome="totals_differ").exists()
    others = sold(2)
    leave(server, feed, "Items", others, part=1)
    os.utime(server.folder / second, (1, 1))
    assert look(feed) == [second]
    differs = Break.objects.get(outcome="totals_differ")
    assert differs.state == "open"
    assert differs.expected_minor == net_of([*entries[:2], *others])
    assert differs.settled_minor == net_of(entries)


def test_an_empty_cycle_in_an_archive_has_the_day_of_the_archives_folder(
    feed, server, tmp_path
) -> None:
    from tests.wallets.test_wrapping import zipped

    Feed.objects.filter(pk=feed.pk).update(pattern="*/*.zip")
    name = leave(server, feed, "Items", [], currency="NOK")
    inner = name.rpartition("/")[2]
    packed = zipped({inner: (server.folder / name).read_bytes()})
    (server.folder / "20261015" / "all.zip").write_bytes(packed)
    assert look(feed) == [f"20261015/all.zip/{inner}"]
    file = SettlementFile.objects.get()
    assert (file.name, file.state, file.period_from) == (name, "reconciled", DAY)


# --- names that are all a layout knows


def test_one_name_in_a_folder_of_each_day_is_a_file_of_each_day(feed, server) -> None:
    Feed.objects.filter(pk=feed.pk).update(format="scheme", pattern="*/*.txt")
    for day in ("20261015", "20261016"):
        (server.folder / day).mkdir()
        (server.folder / day / "settlement.txt").write_text("nothing that can be read\n")
    assert look(feed) == ["20261015/settlement.txt", "20261016/settlement.txt"]
    assert list(
        SettlementFile.objects.order_by("pk").values_list("identity", "version", "state")
    ) == [
        ("20261015/settlement", 1, "quarantined"), ("20261016/settlement", 1, "quarantined"),
    ]  # fmt: skip
    assert set(Delivery.objects.values_list("result", flat=True)) == {"new"}


def test_what_a_file_says_of_itself_is_its_identity_in_whatever_folder(feed) -> None:
    feed.format = "scheme"
    head = b"H|1|alipay|7|2026-10-14|2026-10-14|2026-10-15\n"
    identity = settlement.identity_of(feed, "7.txt", head)
    assert identity != "7"
    assert settlement.identity_of(feed, "a/7.txt", head) == identity
    assert settlement.identity_of(feed, f"a/{identity}.txt", head) == identity


# --- a corrected version of what was refused


def test_a_corrected_version_closes_the_red_break_of_the_refused_one(feed, server, sold) -> None:
    entries = sold(2)
    name = leave(server, feed, "Items", entries)
    path = server.folder / name
    whole = path.read_bytes()
    for at, cut in enumerate((whole[:-6], whole[:-20]), 1):
        path.write_bytes(cut)
        os.utime(path, (at, at))
        look(feed)
    red = list(Break.objects.filter(outcome="file_quarantined").order_by("pk"))
    assert [one.state for one in red] == ["open", "open"]
    path.write_bytes(whole)
    assert look(feed, NOON + DAYS) == [name]
    good = SettlementFile.objects.get(state="reconciled")
    assert good.version == 3
    for one in red:
        one.refresh_from_db()
        assert (one.state, one.closed_at, one.closing_note, one.closed_by_run.file) == (
            "closed", NOON + DAYS, f"A corrected version came: {name}.", good,
        )  # fmt: skip
    closed = AuditEntry.objects.filter(verb="payments.break.closed")
    assert sorted(int(entry.target_id) for entry in closed) == [one.pk for one in red]
    assert not Break.objects.filter(state="open").exists()


def test_a_correction_that_is_refused_too_closes_nothing(feed, server, sold) -> None:
    name = leave(server, feed, "Items", sold(2))
    path = server.folder / name
    path.write_bytes(path.read_bytes()[:-6])
    look(feed)
    path.write_bytes(path.read_bytes()[:-6])
    look(feed)
    assert Break.objects.filter(outcome="file_quarantined", state="open").count() == 2
    assert not AuditEntry.objects.filter(verb="payments.break.closed").exists()


def test_a_newer_version_that_is_refused_stays_red_while_the_older_one_counts(
    feed, server, sold
) -> None:
    name = leave(server, feed, "Items", sold(2))
    look(feed)
    path = server.folder / name
    path.write_bytes(path.read_bytes()[:-6])
    look(feed)
    assert sorted(SettlementFile.objects.values_list("version", "state")) == [
        (1, "reconciled"), (2, "quarantined"),
    ]  # fmt: skip
    assert Break.objects.get(outcome="file_quarantined").state == "open"


def test_a_file_that_is_read_again_says_so_and_the_one_before_it_was_corrected(
    feed, server, sold, clerk
) -> None:
    name = leave(server, feed, "Items", sold(2))
    path = server.folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-6])
    look(feed)
    path.write_bytes(whole)
    look_and_give_up(feed)
    first, second = SettlementFile.objects.order_by("version")
    assert (second.state, second.reason_code) == ("quarantined", "gave_up")
    settlement.read_again(second, by=clerk, now=NOON)
    reconciliation.run_feed(feed.pk, now=NOON)
    second.refresh_from_db()
    assert second.state == "reconciled"
    assert Break.objects.get(file=first).closing_note == f"A corrected version came: {name}."
    assert Break.objects.get(file=second).closing_note == (
        f"Read again by {clerk.email}; it was gave_up."
    )
    assert SettlementFile.objects.count() == 2


def look_and_give_up(feed: Feed) -> None:
    """Take in what came as if every attempt to read it had died."""
    assert collecting.collect(feed.pk, now=NOON) is not None
    settlement.waiting_files().update(attempts=reconciliation.MOST_ATTEMPTS)
    reconciliation.run_feed(feed.pk, now=NOON)
