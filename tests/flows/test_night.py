"""The whole night: simulate, collect, reconcile; the CSV says exactly what was planted."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from payments import exports, reconciliation, tasks
from payments.models import Break, Delivery, LedgerEntry, Link, Run
from portal.demo import faults, nights, world
from portal.demo.faults import Plan, Wish
from wallets.models import Feed

MORNING = datetime(2026, 10, 16, 6, 0, tzinfo=UTC)


def reconcile_everything() -> None:
    tasks.collect_feeds()
    for feed in Feed.objects.order_by("pk"):
        reconciliation.run_feed(feed.pk, now=MORNING)


def rows_of(run: Run) -> list[dict[str, str]]:
    with exports.open_csv(run) as report:
        return list(csv.DictReader(io.TextIOWrapper(report, encoding="utf-8", newline="")))


def check(truth: dict[str, Any]) -> None:
    """Compare every delivery with the truth: state, outcomes and breaks, in the CSV."""
    for told in truth["deliveries"]:
        delivery = Delivery.objects.select_related("file").get(name=told["file"])
        if told["state"] == "resent":
            assert delivery.result == Delivery.Result.RESENT, told["file"]
            continue
        assert delivery.result != Delivery.Result.RESENT, told["file"]
        assert delivery.file.state == told["state"], (told["file"], delivery.file.reason_text)
        run = Run.objects.filter(file=delivery.file).first()
        if told["state"] == "quarantined":
            assert run is None
            assert delivery.file.reason_code
            continue
        rows = rows_of(run)
        assert Counter(row["outcome"] for row in rows) == told["outcomes"], told["file"]
        found = Counter(
            (row["outcome"], row["line_no"], row["wallet_ref"])
            for row in rows if row["outcome"] not in ("matched", "not_a_payment")
        )  # fmt: skip
        assert found == Counter(
            (
                one["outcome"],
                "" if one["line_no"] is None else str(one["line_no"]),
                one["wallet_ref"],
            )
            for one in told["breaks"]
        ), told["file"]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_every_csv_says_what_was_planted(alliance, tmp_path: Path, seed: int) -> None:
    world.build(seed=seed, locations=40)
    truth = nights.simulate(days=3, seed=seed, volume=280, to=tmp_path / "feeds")
    reconcile_everything()
    check(truth)
    assert Delivery.objects.count() == len(truth["deliveries"])


def test_nights_one_by_one_give_the_same_answers(alliance, tmp_path: Path) -> None:
    world.build(seed=9, locations=40)
    for day in (13, 14, 15, 16):
        truth = nights.simulate(
            days=1, seed=9, until=date(2026, 10, day), volume=150, to=tmp_path / "feeds"
        )
        reconcile_everything()
        check(truth)


@pytest.mark.parametrize("fault", sorted(faults.FILE_FAULTS))
def test_a_fault_of_a_whole_file_is_found_in_every_layout(
    alliance, tmp_path: Path, fault: str
) -> None:
    world.build(seed=5, locations=30)
    truth = nights.simulate(
        days=2, seed=5, until=date(2026, 10, 15), volume=120, to=tmp_path / "feeds",
        plan=Plan(seed=5, wishes=[Wish(fault), Wish(faults.LATE), Wish(faults.SETTLED_BEFORE)]),
    )  # fmt: skip
    states = Counter((told["wallet"], told["state"]) for told in truth["deliveries"])
    expected = {
        faults.RESENT: "resent", faults.CORRECTED: "superseded",
        faults.TRUNCATED: "quarantined", faults.LYING_TOTAL: "quarantined",
    }[fault]  # fmt: skip
    for feed in Feed.objects.all():
        assert bool(states[feed.code, expected]) is faults.can(feed.format, fault), feed.code
    reconcile_everything()
    check(truth)


def test_every_fault_of_a_line_is_found_in_every_layout(alliance, tmp_path: Path) -> None:
    world.build(seed=6, locations=30)
    truth = nights.simulate(
        days=2, seed=6, volume=600, to=tmp_path / "feeds",
        plan=Plan(seed=6, wishes=[Wish(fault) for fault in faults.LINE_FAULTS]),
    )  # fmt: skip
    told = Counter(
        (one["wallet"], outcome) for one in truth["deliveries"] for outcome in one["outcomes"]
    )
    for code in ("alipay", "bluecode", "epassi", "momo", "pagaqui", "pivo", "vipps"):
        for outcome in faults.LINE_FAULTS.keys() - {faults.LATE, faults.SETTLED_BEFORE}:
            assert told[code, outcome], (code, outcome)
    reconcile_everything()
    check(truth)


def test_a_clean_night_settles_every_payment_that_was_due(alliance, tmp_path: Path) -> None:
    world.build(seed=8, locations=30)
    nights.simulate(days=2, seed=8, volume=240, plan=faults.none(seed=8), to=tmp_path / "feeds")
    reconcile_everything()
    due = LedgerEntry.objects.filter(due_on__lte=date(2026, 10, 16))
    assert due.exists()
    assert Link.objects.filter(reversed_by=None).count() == due.count()
    assert not Break.objects.exists()
