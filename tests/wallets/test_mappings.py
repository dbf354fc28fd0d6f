"""Mappings: drafted, tried, switched on; never edited in place, never on without a trial."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from portal.core.models import AuditEntry, User
from tests.builders import NOON
from wallets import mappings
from wallets.formats import description
from wallets.mappings import CannotDo
from wallets.models import Feed, Mapping

NAME = "settle_20261014_41.csv"
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def boss(db) -> User:
    return User.objects.create_superuser("boss@onestile.example", "correct horse")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.write_text(description.EXAMPLE_FILE, encoding="utf-8")
    return path


@pytest.fixture
def draft(alliance, boss) -> Mapping:
    return mappings.draft(
        wallet=alliance["pivo"], name="Daily CSV", description=deepcopy(description.EXAMPLE),
        by=boss, now=NOON,
    )  # fmt: skip


def tried(mapping: Mapping, sample: Path, by: User) -> mappings.Trial:
    return mappings.try_out(mapping, name=NAME, path=sample, by=by, now=NOON)


def verbs() -> list[str]:
    entries = AuditEntry.objects.filter(verb__startswith="wallets.mapping.").order_by("pk")
    return [entry.verb.removeprefix("wallets.mapping.") for entry in entries]


def state() -> tuple[Any, ...]:
    """Everything that an act here may change."""
    return (
        list(Mapping.objects.order_by("pk").values()),
        list(Feed.objects.order_by("pk").values_list("format", "mapping_id")),
        AuditEntry.objects.count(),
    )


def test_a_draft_is_version_one_and_says_who_wrote_it(draft, boss, alliance):
    assert (draft.version, draft.state, draft.created_by, draft.created_at) == (
        1, "draft", boss, NOON,
    )  # fmt: skip
    entry = AuditEntry.objects.get(verb="wallets.mapping.drafted")
    assert (entry.actor, entry.target_label, entry.data) == (
        boss, "Daily CSV version 1", {"wallet": "pivo"},
    )  # fmt: skip


def test_a_name_is_taken_once(draft, boss, alliance):
    before = state()
    with pytest.raises(CannotDo, match="already"):
        mappings.draft(wallet=alliance["pivo"], name="Daily CSV", description={}, by=boss, now=NOON)
    assert state() == before
    other = mappings.draft(
        wallet=alliance["vipps"], name="Daily CSV", description={}, by=boss, now=NOON
    )
    assert other.version == 1


def test_a_trial_says_what_the_sample_adds_up_to_and_keeps_no_bytes(draft, sample, boss):
    trial = tried(draft, sample, boss)
    verdict = Mapping.objects.get().trial
    assert verdict == trial.verdict
    assert (verdict["good"], verdict["lines"], verdict["payments"]) == (True, 2, 2)
    assert verdict["totals"] == [
        {"currency": "EUR", "sale": 1, "refund": 1, "not_a_payment": 0, "gross": 124_550,
         "fee": 375, "net": 124_175},
    ]  # fmt: skip
    [batch] = verdict["batches"]
    assert (batch["ref"], batch["count"], batch["net"]) == ("SIRIO-41", 2, 124_175)
    assert batch["declared"] == {"count": 2, "gross": 124_550, "fee": 375, "net": 124_175}
    assert verdict["period"] == ["2026-10-14", "2026-10-14"]
    assert (draft.sample_name, draft.tried_at, trial.is_kept) == (NAME, NOON, True)
    assert len(draft.sample_sha256) == 64
    assert "S-1001" not in str(Mapping.objects.values().get())
    assert [(line.no, line.ref) for line in trial.lines] == [(3, "S-1001"), (4, "S-1002")]
    assert trial.raw[4] == "S-1002;Return;14.10.2026;12:41:09;100001;EUR;-4,50;0,00;-4,50"
    assert verbs() == ["drafted", "tried"]


def test_a_trial_names_each_error_with_its_row(draft, sample, boss):
    sample.write_text(
        description.EXAMPLE_FILE.replace("-4,50;0,00", "-4.50;0,00").replace("1.250,00;", "x;")
    )
    trial = tried(draft, sample, boss)
    assert [(one["code"], one["line"]) for one in trial.verdict["errors"]] == [
        ("bad_amount", 3), ("bad_amount", 4),
    ]  # fmt: skip
    assert (trial.verdict["good"], trial.verdict["errors_count"]) == (False, 2)
    assert trial.raw[3].startswith("S-1001;Purchase")
    assert not mappings.can_be_switched_on(draft)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("Total;2", "Total;3", "count_differs"), ("1.245,50", "1.245,51", "total_differs"),
        ("Transaction;", "Transaktion;", "bad_columns"),
        ("S-1001;Purchase;14", "S-1001;Purchase;44", "bad_date"),
    ],
)  # fmt: skip
def test_a_sample_with_a_fault_cannot_be_switched_on(draft, sample, boss, old, new, code):
    sample.write_text(description.EXAMPLE_FILE.replace(old, new))
    trial = tried(draft, sample, boss)
    assert trial.verdict["errors"][0]["code"] == code
    before = state()
    with pytest.raises(CannotDo, match="Try it on a sample first"):
        mappings.switch_on(draft, by=boss, now=LATER)
    assert state() == before


def test_a_sample_without_a_payment_proves_nothing(draft, sample, boss):
    rows = description.EXAMPLE_FILE.splitlines()
    sample.write_text("\n".join([*rows[:2], "Total;0;;;;EUR;0,00;0,00;0,00"]) + "\n")
    trial = tried(draft, sample, boss)
    assert [one["code"] for one in trial.verdict["errors"]] == ["empty"]
    assert not mappings.can_be_switched_on(draft)


def test_only_movements_are_no_payment_either(draft, sample, boss):
    rows = description.EXAMPLE_FILE.splitlines()
    moved = "S-1;Chargeback;14.10.2026;12:30:00;100001;EUR;-1,00;0,00;-1,00"
    sample.write_text("\n".join([*rows[:2], moved, "Total;1;;;;EUR;-1,00;0,00;-1,00"]) + "\n")
    trial = tried(draft, sample, boss)
    assert (trial.verdict["errors"], trial.verdict["good"], trial.verdict["lines"]) == (
        [],
        False,
        1,
    )


def test_a_sample_over_the_cap_is_not_read(draft, sample, boss, monkeypatch):
    monkeypatch.setattr(mappings, "LARGEST_SAMPLE", 100)
    assert tried(draft, sample, boss).verdict["errors"][0]["code"] == "too_large"


def test_an_endless_period_is_refused_as_by_night(draft, sample, boss):
    changed = deepcopy(description.EXAMPLE)
    changed["file"]["name"] = "settle_{from:YYYYMMDD}_{to:YYYYMMDD}.csv"
    mappings.change(draft, description=changed, by=boss, now=NOON)
    trial = mappings.try_out(
        draft, name="settle_20201014_20261014.csv", path=sample, by=boss, now=NOON
    )
    assert [one["code"] for one in trial.verdict["errors"]] == ["bad_date"]


def test_a_description_that_is_not_whole_can_be_drafted_and_not_be_read_by(draft, sample, boss):
    mappings.change(draft, description={"file": {"kind": "xlsx"}}, by=boss, now=NOON)
    trial = tried(draft, sample, boss)
    assert [one["code"] for one in trial.verdict["errors"]] == ["bad_mapping"]


def test_a_change_undoes_the_trial(draft, sample, boss):
    tried(draft, sample, boss)
    mappings.change(draft, description=deepcopy(draft.description), by=boss, now=LATER)
    assert mappings.can_be_switched_on(draft)
    changed = deepcopy(draft.description)
    changed["times"]["zone"] = "Europe/Vienna"
    mappings.change(draft, description=changed, by=boss, now=LATER)
    assert (draft.tried_at, draft.trial, draft.sample_name, draft.sample_sha256) == (
        None, {}, "", "",
    )  # fmt: skip
    with pytest.raises(CannotDo, match="Try it on a sample first"):
        mappings.switch_on(draft, by=boss, now=LATER)
    assert verbs() == ["drafted", "tried", "changed"]


def test_a_trial_of_what_was_changed_meanwhile_is_not_kept(draft, sample, boss):
    stale = Mapping.objects.select_related("wallet").get(pk=draft.pk)
    changed = {**deepcopy(draft.description), "wallets": {}}
    mappings.change(draft, description=changed, by=boss, now=NOON)
    before = state()
    with pytest.raises(CannotDo, match="changed meanwhile"):
        tried(stale, sample, boss)
    assert state() == before


def test_switching_on_moves_the_feed_in_the_same_act(draft, sample, boss):
    tried(draft, sample, boss)
    mappings.switch_on(draft, by=boss, now=LATER)
    feed = Feed.objects.get(code="pivo")
    assert (feed.format, feed.mapping) == ("mapped", draft)
    assert (draft.state, draft.switched_on_at, draft.switched_on_by) == ("on", LATER, boss)
    assert Feed.objects.exclude(code="pivo").filter(format="mapped").count() == 0
    entry = AuditEntry.objects.get(verb="wallets.mapping.switched_on")
    assert entry.data["sha256"] == draft.sample_sha256
    before = state()
    with pytest.raises(CannotDo, match="in use already"):
        mappings.switch_on(draft, by=boss, now=LATER)
    assert state() == before


def test_a_wallet_without_a_feed_cannot_switch_on(draft, sample, boss):
    Feed.objects.filter(code="pivo").delete()
    tried(draft, sample, boss)
    before = state()
    with pytest.raises(CannotDo, match="no feed"):
        mappings.switch_on(draft, by=boss, now=LATER)
    assert state() == before


def test_what_is_in_use_is_never_edited(draft, sample, boss):
    tried(draft, sample, boss)
    mappings.switch_on(draft, by=boss, now=LATER)
    before = state()
    with pytest.raises(CannotDo, match="Only a draft"):
        mappings.change(draft, description={}, by=boss, now=LATER)
    assert state() == before


def test_a_trial_of_what_is_in_use_is_told_and_not_kept(draft, sample, boss):
    tried(draft, sample, boss)
    mappings.switch_on(draft, by=boss, now=LATER)
    kept = Mapping.objects.values().get()
    sample.write_text("nothing\n")
    trial = tried(draft, sample, boss)
    assert (trial.verdict["good"], trial.is_kept) == (False, False)
    assert Mapping.objects.values().get() == kept


def test_a_new_version_takes_over_and_the_old_one_stays_readable(draft, sample, boss):
    tried(draft, sample, boss)
    mappings.switch_on(draft, by=boss, now=NOON)
    second = mappings.new_version(draft, by=boss, now=LATER)
    assert (second.version, second.state, second.description, second.trial) == (
        2, "draft", draft.description, {},
    )  # fmt: skip
    assert Feed.objects.get(code="pivo").mapping == draft
    before = state()
    with pytest.raises(CannotDo, match="Version 2 is a draft already"):
        mappings.new_version(draft, by=boss, now=LATER)
    with pytest.raises(CannotDo, match="Try it on a sample first"):
        mappings.switch_on(second, by=boss, now=LATER)
    assert state() == before
    tried(second, sample, boss)
    mappings.switch_on(second, by=boss, now=LATER)
    draft.refresh_from_db()
    assert (draft.state, second.state, Feed.objects.get(code="pivo").mapping) == (
        "off", "on", second,
    )  # fmt: skip
    assert draft.description == description.EXAMPLE
    assert verbs()[-2:] == ["switched_off", "switched_on"]


def test_an_older_version_can_come_back(draft, sample, boss):
    tried(draft, sample, boss)
    mappings.switch_on(draft, by=boss, now=NOON)
    second = mappings.new_version(draft, by=boss, now=NOON)
    tried(second, sample, boss)
    mappings.switch_on(second, by=boss, now=NOON)
    draft.refresh_from_db()
    mappings.switch_on(draft, by=boss, now=LATER)
    second.refresh_from_db()
    assert (draft.state, second.state) == ("on", "off")
    assert Mapping.objects.filter(state="on").count() == 1


def test_switching_off_leaves_the_feed_without_a_description(draft, sample, boss):
    before = state()
    with pytest.raises(CannotDo, match="not in use"):
        mappings.switch_off(draft, by=boss, now=LATER)
    assert state() == before
    tried(draft, sample, boss)
    mappings.switch_on(draft, by=boss, now=NOON)
    mappings.switch_off(draft, by=boss, now=LATER)
    feed = Feed.objects.get(code="pivo")
    assert (feed.format, feed.mapping, draft.state) == ("mapped", None, "off")
    assert verbs()[-1] == "switched_off"
