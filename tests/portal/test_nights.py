"""The simulator: whole, repeatable, and right about what it planted."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from django.db import transaction

from payments import settlement
from payments.models import LedgerEntry, Payment, Refund
from portal.core import calendars
from portal.demo import faults, nights, world
from portal.demo.faults import BadPlan, Plan, Wish
from portal.models import DemoPartner
from wallets import formats, partners
from wallets.models import Feed

UNTIL = nights.UNTIL


def lines_of(feed: Feed, path: Path) -> list:
    """Read a file as the portal would; raise when the whole of it is refused."""
    statement = settlement.open_statement(feed.format, path, settlement.options(feed))
    lines = list(settlement.lines_of(statement))
    settlement.refuse_if_wrong(statement, len(lines))
    return lines


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


def test_what_is_in_a_file_is_what_the_truth_says_is_in_it(simulated) -> None:
    made = simulated()
    feeds = {feed.code: feed for feed in Feed.objects.select_related("wallet")}
    readable = 0
    for name, told in made.deliveries.items():
        path = made.to / told["wallet"] / name
        if told["state"] == "quarantined":
            with pytest.raises(settlement.Refused):
                lines_of(feeds[told["wallet"]], path)
            continue
        lines = lines_of(feeds[told["wallet"]], path)
        if told["state"] == "resent":
            assert told["outcomes"] == {}
            continue
        readable += 1
        outcomes = dict(told["outcomes"])
        missing = outcomes.pop("missing_in_settlement", 0)
        assert sum(outcomes.values()) == len(lines)
        by_number = {line.no: line for line in lines}
        on_lines = [one for one in told["breaks"] if one["line_no"] is not None]
        assert all(by_number[one["line_no"]].ref == one["wallet_ref"] for one in on_lines)
        assert len(told["breaks"]) - len(on_lines) == missing
        assert Counter(one["outcome"] for one in told["breaks"]) == Counter(
            {
                outcome: n
                for outcome, n in told["outcomes"].items()
                if outcome not in ("matched", "not_a_payment")
            }
        )
    assert readable > 10


def test_every_file_lies_in_its_feeds_folder_and_nothing_else_does(simulated) -> None:
    made = simulated()
    found = {path.name: path.parent.name for path in made.to.rglob("*") if path.is_file()}
    assert found.pop("truth.json") == made.to.name
    assert found == {name: told["wallet"] for name, told in made.deliveries.items()}
    for name, told in made.deliveries.items():
        assert name.startswith(told["wallet"])


def test_names_sort_in_the_order_of_arrival_within_a_feed(simulated) -> None:
    made = simulated(days=3)
    for code in {told["wallet"] for told in made.truth["deliveries"]}:
        names = [told["file"] for told in made.truth["deliveries"] if told["wallet"] == code]
        assert names == sorted(names)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_kind_of_fault_appears(simulated, seed: int) -> None:
    made = simulated(seed=seed, volume=300)
    outcomes = sum((Counter(told["outcomes"]) for told in made.truth["deliveries"]), Counter())
    assert {
        "matched", "duplicate", "unknown_location", "refund_without_payment", "missing_in_ledger",
        "currency_mismatch", "amount_mismatch", "fee_mismatch", "missing_in_settlement",
    } <= set(outcomes)  # fmt: skip
    states = Counter(told["state"] for told in made.truth["deliveries"])
    assert states["quarantined"] == 2
    assert states["resent"] == 1
    assert states["superseded"] == 1


def test_a_late_line_is_missing_in_one_night_and_matched_in_the_next(simulated) -> None:
    plan = Plan(seed=1, wishes=[Wish(faults.LATE, "vipps", date(2026, 10, 14))])
    made = simulated(plan=plan)
    first, second = [told for told in made.truth["deliveries"] if told["wallet"] == "vipps"]
    assert first["outcomes"]["missing_in_settlement"] == 1
    late = first["breaks"][0]["wallet_ref"]
    assert second["breaks"] == []
    feed = Feed.objects.select_related("wallet").get(code="vipps")
    assert late in {line.ref for line in lines_of(feed, made.to / "vipps" / second["file"])}
    assert late not in {line.ref for line in lines_of(feed, made.to / "vipps" / first["file"])}


def test_a_line_for_an_unknown_store_leaves_its_payment_unsettled(simulated) -> None:
    plan = Plan(seed=1, wishes=[Wish(faults.UNKNOWN_LOCATION, "pivo", date(2026, 10, 14))])
    made = simulated(plan=plan)
    told = next(one for one in made.truth["deliveries"] if one["wallet"] == "pivo")
    assert [(one["outcome"], one["line_no"] is None) for one in told["breaks"]] == [
        ("unknown_location", False), ("missing_in_settlement", True),
    ]  # fmt: skip
    assert len({one["wallet_ref"] for one in told["breaks"]}) == 1


def test_without_faults_everything_matches(simulated) -> None:
    made = simulated(plan=faults.none(seed=1))
    for told in made.truth["deliveries"]:
        assert told["state"] == "reconciled"
        assert told["breaks"] == []
        assert set(told["outcomes"]) <= {"matched", "not_a_payment"}
    in_files = sum(told["outcomes"].get("matched", 0) for told in made.truth["deliveries"])
    due = LedgerEntry.objects.filter(due_on__lte=UNTIL + calendars.DAY).count()
    assert in_files == due


def test_evening_sales_of_alipay_belong_to_its_next_day_and_are_not_due_yet(simulated) -> None:
    simulated(plan=faults.none(seed=1))
    evening = LedgerEntry.objects.filter(feed__code="alipay", business_date__gt=UNTIL)
    assert evening.exists()
    assert all(one.occurred_at.hour >= 16 for one in evening)


def test_foreign_payments_of_members_stand_in_the_hubs_file(simulated) -> None:
    made = simulated(plan=faults.none(seed=1))
    feed = Feed.objects.select_related("wallet").get(code="bluecode")
    wallets = Counter(
        line.wallet
        for told in made.truth["deliveries"] if told["wallet"] == "bluecode"
        for line in lines_of(feed, made.to / "bluecode" / told["file"])
    )  # fmt: skip
    assert set(wallets) == {"bluecode", "momo", "pagaqui"}


def test_epassi_sends_on_its_days_only_and_carries_what_lies_between(simulated) -> None:
    made = simulated(days=3, plan=faults.none(seed=1))
    told = [one for one in made.truth["deliveries"] if one["wallet"] == "epassi"]
    assert [one["file"] for one in told] == ["epassi_20261016_20261015_v1.xlsx"]
    assert told[0]["outcomes"]["matched"] == LedgerEntry.objects.filter(feed__code="epassi").count()


def test_below_its_minimum_epassi_carries_the_balance_over(simulated) -> None:
    simulated(volume=0, plan=faults.none(seed=1))
    partner = DemoPartner.objects.get(feed__code="epassi")
    assert partner.number == 0
    Feed.objects.filter(code="epassi").update(minimum_minor=10**9)
    made = simulated(days=8, until=date(2026, 10, 23), volume=14, plan=faults.none(seed=1))
    assert [one for one in made.truth["deliveries"] if one["wallet"] == "epassi"] == []
    partner.refresh_from_db()
    assert partner.carried_from == date(2026, 10, 16)
    Feed.objects.filter(code="epassi").update(minimum_minor=5_000)
    made = simulated(days=8, until=date(2026, 10, 31), volume=14, plan=faults.none(seed=1))
    told = [one for one in made.truth["deliveries"] if one["wallet"] == "epassi"]
    assert [one["file"] for one in told] == ["epassi_20261101_20261031_v1.xlsx"]
    path = made.to / "epassi" / told[0]["file"]
    feed = Feed.objects.select_related("wallet").get(code="epassi")
    assert settlement.open_statement(
        feed.format, path, settlement.options(feed)
    ).period_from == date(2026, 10, 16)
    assert told[0]["outcomes"]["matched"] == LedgerEntry.objects.filter(feed=feed).count()


def test_vipps_sends_no_file_where_nothing_is_to_be_paid_and_others_an_empty_one(simulated) -> None:
    made = simulated(volume=0, plan=faults.none(seed=1))
    sent = Counter(told["wallet"] for told in made.truth["deliveries"])
    assert sent == {"alipay": 2, "bluecode": 2, "pivo": 2, "momo": 2, "pagaqui": 2}
    assert all(told["outcomes"] == {} for told in made.truth["deliveries"])


def test_the_next_night_goes_on_with_the_numbers_and_the_truth(simulated) -> None:
    simulated(days=1, plan=faults.none(seed=1))
    made = simulated(days=1, until=date(2026, 10, 16), plan=faults.none(seed=1))
    assert DemoPartner.objects.get(feed__code="vipps").number == 2
    known = json.loads((made.to / "truth.json").read_text())["deliveries"]
    vipps = [told["file"] for told in known if told["wallet"] == "vipps"]
    assert vipps == ["vipps_20261016_20261015_v1.xml", "vipps_20261017_20261016_v1.xml"]


def test_a_day_is_never_simulated_twice(simulated) -> None:
    made = simulated(days=1, volume=40)
    before, payments = everything(made.to), Payment.objects.count()
    with pytest.raises(nights.CannotSimulate, match="2026-10-15"):
        simulated(days=3, until=date(2026, 10, 16))
    assert (everything(made.to), Payment.objects.count()) == (before, payments)


def test_an_interrupted_day_is_finished_and_nothing_is_paid_twice(simulated) -> None:
    made = simulated(days=1, plan=faults.none(seed=1))
    payments, refunds = Payment.objects.count(), Refund.objects.count()
    before = everything(made.to)
    DemoPartner.objects.filter(feed__code__in=["vipps", "pivo"]).update(
        number=0, closed_through=None
    )
    simulated(days=1, plan=faults.none(seed=1), resume=True)
    assert (Payment.objects.count(), Refund.objects.count()) == (payments, refunds)
    after = everything(made.to)
    before.pop("truth.json")
    after.pop("truth.json")
    assert after == before


def test_the_same_arguments_give_the_same_bytes(alliance, tmp_path) -> None:
    made = []
    for name in ("one", "two"):
        with transaction.atomic():
            world.build(seed=7, locations=30)
            nights.simulate(days=3, seed=7, volume=90, to=tmp_path / name)
            transaction.set_rollback(True)
        made.append(everything(tmp_path / name))
    assert made[0] == made[1]
    assert len(made[0]) > 20


# --- plans


@pytest.mark.parametrize("partner", partners.PARTNERS, ids=lambda partner: partner.code)
def test_what_a_partner_sends_can_be_written(partner: partners.Partner) -> None:
    assert partner.format in formats.written()


def test_a_layout_that_is_only_read_shows_no_fault() -> None:
    assert faults.why_not("camt", faults.LATE) == "its layout is only read"
    assert not faults.can("camt", faults.LATE)


@pytest.mark.parametrize("fault", sorted(faults.LINE_FAULTS))
def test_a_wish_is_planted_where_it_is_wanted_and_nowhere_else(simulated, fault: str) -> None:
    day = date(2026, 10, 15)
    plan = Plan(seed=1, wishes=[Wish(fault, "bluecode", day, 2)])
    made = simulated(plan=plan)
    for told in made.truth["deliveries"]:
        is_it = told["wallet"] == "bluecode" and "_20261015_v" in told["file"]
        assert bool(told["breaks"]) is is_it, told["file"]
        if is_it:
            names = {
                faults.LATE: "missing_in_settlement", faults.SETTLED_BEFORE: "duplicate"
            }  # fmt: skip
            assert told["outcomes"][names.get(fault, fault)] == 2


def test_a_plan_is_read_from_a_file(tmp_path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(
        '[{"fault": "late"},'
        ' {"fault": "truncated", "wallet": "pivo", "date": "2026-10-14"},'
        ' {"fault": "duplicate", "count": 3}]'
    )
    plan = faults.from_file(path, seed=1, layouts={"pivo": "mobilepay_csv"})
    assert plan.wishes == [
        Wish("late"), Wish("truncated", "pivo", date(2026, 10, 14)), Wish("duplicate", count=3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("{}", "must be a list"),
        ('[{"fault": "fire"}]', "'fire' is none of"),
        ('[{"wallet": "pivo"}]', "None is none of"),
        ('[{"fault": "late", "wallet": "visa"}]', "no feed of 'visa'"),
        ('[{"fault": "late", "when": 1}]', "may have wallet, date and count"),
        ('[{"fault": "late", "count": 0}]', "whole number from 1"),
        ('[{"fault": "late", "count": true}]', "whole number from 1"),
        ('[{"fault": "late", "date": "14.10.2026"}]', "must look like 2026-10-14"),
        ('[{"fault": "late", "date": 5}]', "must look like 2026-10-14"),
        ('[{"fault": "lying_total", "wallet": "alipay"}]', "declares no total"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(tmp_path, text: str, said: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    layouts = {"pivo": "mobilepay_csv", "alipay": "alipay_settlement"}
    with pytest.raises(BadPlan, match=said):
        faults.from_file(path, seed=1, layouts=layouts)


def test_a_plan_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(BadPlan, match="cannot be read"):
        faults.from_file(tmp_path / "none.json", seed=1, layouts={})


def test_the_page_about_faults_is_current(settings) -> None:
    page = Path(settings.BASE_DIR) / "docs" / "faults.md"
    assert page.read_text(encoding="utf-8") == faults.page()
