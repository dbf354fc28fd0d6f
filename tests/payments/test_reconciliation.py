"""A night at Vipps: what each kind of line becomes, and that nothing is ever half done."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta

import pytest

from payments import breaks, checking, exports, proof, reconciliation, settlement
from payments.models import Break, Delivery, LedgerEntry, Link, Run, SettlementFile
from portal.core import leases
from portal.core.models import AuditEntry
from tests import builders
from wallets.models import Feed, Wallet

DAY = builders.NOON.date()


def entry_of(payment) -> LedgerEntry:
    return LedgerEntry.objects.select_related("wallet").get(payment=payment, kind="sale")


def rows_of(file: SettlementFile) -> list[dict[str, str]]:
    with exports.open_csv(Run.objects.exclude(state="writing").get(file=file)) as made:
        return list(csv.DictReader(io.TextIOWrapper(made, "utf-8", newline="")))


def outcomes_of(file: SettlementFile) -> dict[str, int]:
    return Run.objects.exclude(state="writing").get(file=file).outcomes


@pytest.fixture
def sales(shop) -> list[LedgerEntry]:
    """Three sales of 100.00, 200.00 and 300.00 kroner at noon."""
    return [
        entry_of(builders.payment(shop, price_minor=minor, merchant_ref=f"till, {minor}"))
        for minor in (10_000, 20_000, 30_000)
    ]


def test_a_night_in_which_everything_matches(sales, tmp_path):
    file = builders.reconciled(
        "vipps", builders.settlement_file(tmp_path, [builders.line(sale) for sale in sales])
    )
    run = Run.objects.get(file=file, state="done")
    assert (file.state, file.period_from, file.period_to) == ("reconciled", DAY, DAY)
    assert run.outcomes == {"matched": 3}
    # 1.75 % and one krone of each
    assert run.totals == [
        {
            "currency": "NOK", "settled_currency": "NOK", "lines": 3, "gross_minor": 60_000,
            "settled_gross_minor": 60_000, "fee_minor": 1_350, "net_minor": 58_650,
            "other_minor": 0,
        }
    ]  # fmt: skip
    assert sorted(Link.objects.values_list("entry_id", flat=True)) == [s.pk for s in sales]
    assert not Break.objects.exists()
    assert run.roll_forward == [
        {
            "wallet": "vipps", "currency": "NOK",
            "opening": {"count": 0, "minor": 0}, "new_due": {"count": 3, "minor": 60_000},
            "settled": {"count": 3, "minor": 60_000}, "written_off": {"count": 0, "minor": 0},
            "closing": {"count": 0, "minor": 0},
        }
    ]  # fmt: skip


def test_the_csv_says_everything_about_a_matched_line(sales, shop, tmp_path):
    file = builders.reconciled(
        "vipps", builders.settlement_file(tmp_path, [builders.line(sales[0])])
    )
    first = rows_of(file)[0]
    assert first | {"line_no": "", "value_date": ""} == {
        "outcome": "matched", "flags": "", "wallet": "vipps", "issuer": "vipps",
        "acquirer": "vipps", "settled_by": "vipps", "business_date": "2026-10-14",
        "due_on": "2026-10-15", "value_date": "",
        "settlement_ref": f"{sales[0].store_ref}-2000001", "line_no": "",
        "wallet_ref": sales[0].wallet_ref, "merchant_ref": "till, 10000",
        "merchant_id": shop.merchant.ref, "location_code": shop.code, "kind": "sale",
        "occurred_at": "2026-10-14T14:00:00+02:00", "currency": "NOK",
        "expected_gross_minor": "10000", "settled_gross_minor": "10000",
        "expected_fee_minor": "275", "settled_fee_minor": "275", "fee_vat_minor": "0",
        "settled_net_minor": "9725", "settled_currency": "NOK", "fx_rate": "",
        "difference_minor": "0", "note": "",
    }  # fmt: skip
    assert list(first) == list(exports.COLUMNS)
    assert [row["outcome"] for row in rows_of(file)[1:]] == ["missing_in_settlement"] * 2


@pytest.mark.parametrize(
    ("changes", "outcome", "links", "flags"),
    [
        ({"gross": "10001", "settled_gross": "10001"}, "amount_mismatch", 1, ""),
        ({"fee": "276"}, "fee_mismatch", 1, ""),
        ({"currency": "DKK", "settled_currency": "DKK"}, "currency_mismatch", 1, ""),
        (
            {"gross": "9000", "settled_gross": "9000", "fee": "1"},
            "amount_mismatch",
            1,
            "fee_mismatch",
        ),
        ({"ref": "5550001"}, "missing_in_ledger", 0, ""),
        ({"store": "777777"}, "unknown_location", 0, ""),
    ],
)
def test_a_line_that_differs(sales, tmp_path, changes, outcome, links, flags):
    lines = [builders.line(sales[0], **changes)]
    file = builders.reconciled("vipps", builders.settlement_file(tmp_path, lines))
    found = Break.objects.get(line_no__isnull=False)
    assert (found.outcome, found.flags, found.state) == (outcome, flags, "open")
    assert Link.objects.count() == links
    assert outcomes_of(file) == {outcome: 1, "missing_in_settlement": 3 - links}


def test_a_line_for_another_shop_than_the_payment_was_taken_at(sales, merchant, tmp_path):
    other = builders.location(merchant).enrolments.get(wallet__code="vipps")
    lines = [builders.line(sales[0], store=other.store_ref)]
    builders.reconciled("vipps", builders.settlement_file(tmp_path, lines))
    found = Break.objects.get(line_no__isnull=False)
    assert (found.outcome, found.flags) == ("unknown_location", "other_location")
    assert not Link.objects.exists()


def test_a_second_line_for_a_payment_is_a_duplicate(sales, tmp_path):
    lines = [builders.line(sales[0]), builders.line(sales[0]), builders.line(sales[1])]
    file = builders.reconciled("vipps", builders.settlement_file(tmp_path, lines))
    assert outcomes_of(file) == {"matched": 2, "duplicate": 1, "missing_in_settlement": 1}
    assert Link.objects.count() == 2


def test_a_line_that_another_file_has_settled_is_a_duplicate(sales, tmp_path):
    builders.reconciled("vipps", builders.settlement_file(tmp_path, [builders.line(sales[0])]))
    again = builders.settlement_file(
        tmp_path, [builders.line(sales[0])], day=DAY + timedelta(days=1), number=2_000_002
    )
    file = builders.reconciled("vipps", again)
    assert outcomes_of(file) == {"duplicate": 1}
    found = Break.objects.get(outcome="duplicate")
    assert found.note.startswith("Settled before: vipps-2026-10-14.xml line ")
    assert Link.objects.count() == 1


def test_an_unknown_line_twice_is_once_missing_and_once_a_duplicate(sales, tmp_path):
    lines = [builders.line(sales[0], ref="5550001")] * 2
    file = builders.reconciled("vipps", builders.settlement_file(tmp_path, lines))
    assert outcomes_of(file) == {
        "missing_in_ledger": 1, "duplicate": 1, "missing_in_settlement": 3,
    }  # fmt: skip


def test_refunds_with_and_without_their_payment(shop, sales, tmp_path):
    refund = builders.refund(sales[0].payment, price_minor=4_000)
    entry = LedgerEntry.objects.get(refund=refund)
    lines = [builders.line(sale) for sale in sales] + [
        builders.line(entry),
        builders.line(entry, ref="5550002", original_ref="5550009"),
    ]
    file = builders.reconciled("vipps", builders.settlement_file(tmp_path, lines))
    assert outcomes_of(file) == {"matched": 4, "refund_without_payment": 1}
    row = next(row for row in rows_of(file) if row["kind"] == "refund")
    assert (row["settled_gross_minor"], row["expected_fee_minor"]) == ("-4000", "0")


def test_a_late_line_settles_and_closes_yesterdays_break(sales, tmp_path):
    first = builders.settlement_file(tmp_path, [builders.line(sale) for sale in sales[:2]])
    night_one = builders.reconciled("vipps", first)
    before = exports.open_csv(Run.objects.get(file=night_one)).read()
    waiting = Break.objects.get(outcome="missing_in_settlement")
    assert (waiting.entry_id, waiting.state) == (sales[2].pk, "open")

    late = builders.settlement_file(
        tmp_path, [builders.line(sales[2])], day=DAY + timedelta(days=1), number=2_000_002
    )
    night_two = builders.reconciled("vipps", late)
    assert outcomes_of(night_two) == {"matched": 1}
    assert [(row["outcome"], row["flags"]) for row in rows_of(night_two)] == [("matched", "late")]
    waiting.refresh_from_db()
    assert waiting.state == "closed"
    assert waiting.closing_note.startswith("Settled late, in vipps-2026-10-15.xml line ")
    assert exports.open_csv(Run.objects.get(file=night_one)).read() == before
    [rolled] = Run.objects.get(file=night_two).roll_forward
    assert rolled["opening"] == {"count": 1, "minor": 30_000}
    assert rolled["settled"] == {"count": 1, "minor": 30_000}
    assert rolled["closing"] == {"count": 0, "minor": 0}


def test_an_entry_not_yet_due_is_not_missing(shop, sales, tmp_path):
    builders.payment(shop, occurred_at=builders.NOON + timedelta(days=1))
    file = builders.reconciled(
        "vipps", builders.settlement_file(tmp_path, [builders.line(sale) for sale in sales])
    )
    assert outcomes_of(file) == {"matched": 3}


def test_the_same_file_again_changes_nothing(sales, tmp_path):
    path = builders.settlement_file(tmp_path, [builders.line(sales[0])])
    file = builders.reconciled("vipps", path)
    again = path.with_name("vipps-2026-10-14-again.xml")
    again.write_bytes(path.read_bytes())
    same = builders.reconciled("vipps", again)
    assert same == file
    assert list(Delivery.objects.order_by("pk").values_list("result", flat=True)) == [
        "new",
        "resent",
    ]
    assert (Run.objects.count(), Link.objects.count(), SettlementFile.objects.count()) == (1, 1, 1)


def test_a_corrected_file_takes_the_place_of_the_first(sales, tmp_path):
    wrong = [builders.line(sales[0], fee="999"), builders.line(sales[1])]
    first = builders.reconciled("vipps", builders.settlement_file(tmp_path, wrong))
    frozen = exports.open_csv(Run.objects.get(file=first)).read()
    right = [builders.line(sale) for sale in sales]
    second = builders.reconciled(
        "vipps", builders.settlement_file(tmp_path, right, name="vipps-2026-10-14-corrected.xml")
    )
    first.refresh_from_db()
    assert (first.state, first.version) == ("superseded", 1)
    assert (second.state, second.version) == ("reconciled", 2)
    assert outcomes_of(second) == {"matched": 3}
    assert Link.objects.filter(reversed_by=None).count() == 3
    assert Link.objects.filter(run__file=first, reversed_by__file=second).count() == 2
    assert not Break.objects.filter(state="open").exists()
    assert exports.open_csv(Run.objects.get(file=first)).read() == frozen
    [rolled] = Run.objects.get(file=second).roll_forward
    assert rolled["opening"] == {"count": 1, "minor": 30_000}
    assert rolled["settled"] == {"count": 1, "minor": 30_000}
    assert rolled["closing"] == {"count": 0, "minor": 0}


def test_a_total_that_lies_refuses_the_file_and_leaves_everything_open(sales, tmp_path):
    path = builders.settlement_file(
        tmp_path, [builders.line(sale) for sale in sales], misstate_minor=1
    )
    file = builders.reconciled("vipps", path)
    assert (file.state, file.reason_code) == ("quarantined", "total_differs")
    assert settlement.stored(file).read_bytes() == path.read_bytes()
    assert not Link.objects.exists()
    assert not Run.objects.exists()
    assert [b.outcome for b in Break.objects.all()] == ["file_quarantined"]
    # a whole one later settles the night
    good = builders.settlement_file(
        tmp_path, [builders.line(sale) for sale in sales], name="vipps-2026-10-14-v2.xml"
    )
    assert builders.reconciled("vipps", good).state == "reconciled"
    assert Link.objects.count() == 3


def test_a_truncated_file_is_quarantined_with_its_line(sales, tmp_path):
    path = builders.settlement_file(tmp_path, [builders.line(sale) for sale in sales])
    path.write_bytes(path.read_bytes()[:-400])
    file = builders.reconciled("vipps", path)
    assert (file.state, file.reason_code) == ("quarantined", "truncated")
    assert not Link.objects.exists()


def test_a_night_replays_to_the_same_bytes(sales, shop, tmp_path):
    lines = [
        builders.line(sales[0], fee="1"), builders.line(sales[1]), builders.line(sales[1]),
        builders.line(sales[0], ref="5550001"), builders.line(sales[0], store="777777", ref="8"),
    ]  # fmt: skip
    file = builders.reconciled("vipps", builders.settlement_file(tmp_path, lines))
    run = Run.objects.get(file=file)
    made = exports.csv_file(run).read_bytes()
    exports.csv_file(run).unlink()
    # the ledger has gone on since
    builders.payment(shop)
    with exports.open_csv(run) as again:
        assert again.read() == made


def test_a_period_that_grows_with_its_units_accounts_for_all_its_days(
    shop, merchant, sales, tmp_path
):
    other = builders.location(merchant)
    before = [
        entry_of(builders.payment(at, occurred_at=builders.NOON - timedelta(days=1)))
        for at in (shop, other)
    ]
    # The unit of today comes first; the unit of yesterday states its own day.
    today = builders.settlement_file(tmp_path, [builders.line(sale) for sale in sales])
    yesterday = builders.settlement_file(
        tmp_path, [builders.line(before[1])], day=DAY - timedelta(days=1), name="vipps-x.xml"
    )
    unit = re.compile(rb"<SettlementDetailsInfo>.*</SettlementDetailsInfo>", re.DOTALL)
    [extra] = unit.findall(yesterday.read_bytes())
    whole = today.read_bytes()
    end = unit.search(whole).end()
    today.write_bytes(whole[:end] + extra + whole[end:])
    file = builders.reconciled("vipps", today)
    assert (file.state, file.reason_text) == ("reconciled", "")
    assert (file.period_from, file.period_to) == (DAY - timedelta(days=1), DAY)
    assert outcomes_of(file) == {"matched": 4, "missing_in_settlement": 1}
    assert Break.objects.get().entry_id == before[0].pk
    run = Run.objects.get(file=file)
    made = exports.csv_file(run).read_bytes()
    exports.csv_file(run).unlink()
    assert exports.open_csv(run).read() == made


def test_a_replay_notices_changed_bytes(sales, tmp_path):
    file = builders.reconciled(
        "vipps", builders.settlement_file(tmp_path, [builders.line(sales[0])])
    )
    settlement.stored(file).write_bytes(b"something else")
    run = Run.objects.get(file=file)
    exports.csv_file(run).unlink()
    with pytest.raises(exports.CannotMakeAgain, match="not those that were received"):
        exports.open_csv(run)
    assert not exports.csv_file(run).exists()


def test_a_worker_that_lost_its_lease_writes_nothing(sales, tmp_path):
    feed = Feed.objects.get(code="vipps")
    path = builders.settlement_file(tmp_path, [builders.line(sale) for sale in sales])
    file = settlement.receive(feed=feed, name=path.name, path=path, now=builders.NOON).file
    name = settlement.lease_name(feed.pk)
    stalled = leases.acquire(name, seconds=1, now=builders.NOON)
    other = leases.acquire(name, seconds=60, now=builders.NOON + timedelta(seconds=2))
    with pytest.raises(leases.LeaseLost):
        reconciliation.run_file(file, claim=stalled, now=builders.NOON)
    file.refresh_from_db()
    assert (file.state, file.attempts) == ("received", 1)
    assert not Link.objects.exists()
    reconciliation.run_file(file, claim=other, now=builders.NOON)
    file.refresh_from_db()
    assert file.state == "reconciled"


class Killed(BaseException):
    pass


@pytest.mark.parametrize("point", ["_write_batches", "_write_links", "_finish"])
def test_a_run_killed_half_way_leaves_no_trace_in_the_next(sales, tmp_path, monkeypatch, point):
    feed = Feed.objects.get(code="vipps")
    wrong = [builders.line(sales[0], fee="999"), builders.line(sales[1])]
    builders.reconciled("vipps", builders.settlement_file(tmp_path, wrong))
    right = builders.settlement_file(
        tmp_path, [builders.line(sale) for sale in sales], name="vipps-2026-10-14-corrected.xml"
    )
    file = settlement.receive(feed=feed, name=right.name, path=right, now=builders.NOON).file

    original = getattr(reconciliation.Reconciliation, point)

    def killed(self, *args):
        if point == "_write_links":
            original(self, *args)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(reconciliation.Reconciliation, point, killed)
        with pytest.raises(Killed):
            reconciliation.run_feed(feed.pk, now=builders.NOON)
    file.refresh_from_db()
    assert file.state == "received"
    assert Run.objects.filter(state="done").count() == 1
    reconciliation.run_feed(feed.pk, now=builders.NOON)
    file.refresh_from_db()
    assert (file.state, file.attempts) == ("reconciled", 2)
    assert outcomes_of(file) == {"matched": 3}
    assert not Run.objects.filter(state="writing").exists()
    assert Link.objects.filter(reversed_by=None).count() == 3
    assert file.batches.count() == 1


def test_a_file_that_never_ends_is_quarantined_after_five_attempts(sales, tmp_path, monkeypatch):
    path = builders.settlement_file(tmp_path, [builders.line(sales[0])])
    monkeypatch.setattr(
        reconciliation.Reconciliation, "_write_rows", lambda *_: (_ for _ in ()).throw(ValueError)
    )
    file = builders.reconciled("vipps", path)
    assert (file.state, file.reason_code, file.attempts) == ("quarantined", "internal", 5)
    assert not Link.objects.exists()


def test_writing_off_takes_an_entry_out_of_the_roll_forward(sales, clerk, tmp_path):
    builders.reconciled(
        "vipps", builders.settlement_file(tmp_path, [builders.line(sale) for sale in sales[:2]])
    )
    left = Break.objects.get(outcome="missing_in_settlement")
    with pytest.raises(breaks.CannotClose):
        breaks.write_off(left, by=clerk, note=" ", now=builders.NOON)
    left.refresh_from_db()
    assert left.state == "open"
    breaks.write_off(
        left,
        by=clerk,
        note="Vipps paid by hand.",
        now=Run.objects.get().finished_at + timedelta(seconds=1),
    )
    assert AuditEntry.objects.filter(verb="payments.break.written_off", actor=clerk).count() == 1
    tomorrow = builders.payment(sales[0].location, occurred_at=builders.NOON + timedelta(days=1))
    night = builders.settlement_file(
        tmp_path, [builders.line(entry_of(tomorrow))],
        day=DAY + timedelta(days=1), number=2_000_002,
    )  # fmt: skip
    [rolled] = Run.objects.get(file=builders.reconciled("vipps", night)).roll_forward
    assert rolled["opening"] == {"count": 1, "minor": 30_000}
    assert rolled["new_due"] == {"count": 1, "minor": 10_000}
    assert rolled["written_off"] == {"count": 1, "minor": 30_000}
    assert rolled["closing"] == {"count": 0, "minor": 0}


def test_breaks_are_closed_once_with_a_note(sales, clerk, tmp_path):
    builders.reconciled(
        "vipps", builders.settlement_file(tmp_path, [builders.line(sales[0], fee="1")])
    )
    found = Break.objects.get(outcome="fee_mismatch")
    breaks.close(found, by=clerk, note="Agreed with the partner.", now=builders.NOON)
    with pytest.raises(breaks.CannotClose):
        breaks.close(found, by=clerk, note="Again.", now=builders.NOON)
    with pytest.raises(breaks.CannotClose):
        breaks.write_off(found, by=clerk, note="Wrong kind.", now=builders.NOON)
    found.refresh_from_db()
    assert (found.state, found.closing_note) == ("closed", "Agreed with the partner.")


def test_the_verdict_stores_nothing(sales, tmp_path):
    feed = Feed.objects.get(code="vipps")
    path = builders.settlement_file(tmp_path, [builders.line(sale) for sale in sales])
    verdict = checking.check(feed=feed, path=path)
    assert verdict.is_accepted
    assert (verdict.lines, verdict.sums["NOK"].gross_minor) == (3, 60_000)
    path.write_bytes(path.read_bytes()[:-400])
    assert [p.code for p in checking.check(feed=feed, path=path).problems] == ["truncated"]
    assert not SettlementFile.objects.exists()


def test_a_year_far_ahead_is_refused(shop, tmp_path):
    entry = builders.payment(shop).entries.get()
    line = builders.line(entry)
    path = builders.settlement_file(tmp_path, [line], day=date(2062, 10, 13))
    file = builders.reconciled("vipps", path)
    assert (file.state, file.reason_code) == ("quarantined", "bad_date")
    assert not Link.objects.exists()
    assert not Run.objects.filter(state="done").exists()


def test_a_night_is_replayed_in_the_time_zone_it_was_told_in(shop, tmp_path):
    entry = builders.payment(shop).entries.get()
    path = builders.settlement_file(tmp_path, [builders.line(entry)])
    run = builders.reconciled("vipps", path).runs.get()
    Wallet.objects.filter(code="vipps").update(timezone="Asia/Tokyo")
    run.refresh_from_db()
    assert proof.replay(run, to=tmp_path / "again.csv") == run.csv_sha256
