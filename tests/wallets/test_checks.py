"""System checks of what was agreed with the wallets."""

from __future__ import annotations

from copy import copy
from datetime import UTC, date, datetime, time
from types import ModuleType

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError

from wallets import checks, formats
from wallets.models import Feed, Mapping, Tariff, Wallet

TODAY = date(2026, 10, 14)


@pytest.fixture(autouse=True)
def _layouts_of_all_partners(monkeypatch):
    names = [
        "vipps_xml3", "alipay_settlement", "epassi_xlsx", "mobilepay_csv", "scheme", "momo_csv",
        "pagaqui_fixed",
    ]  # fmt: skip
    monkeypatch.setattr(formats, "LAYOUTS", dict.fromkeys(names, "wallets.formats.vipps_xml3"))


def told() -> list[tuple[str, str]]:
    return [(found.id, found.msg) for found in checks.agreements_are_whole(databases=["default"])]


def test_the_seven_partners_are_whole(alliance):
    assert told() == []


def test_without_a_database_nothing_is_asked(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert checks.agreements_are_whole(databases=None) == []


def test_a_database_without_tables_is_let_migrate(db, monkeypatch):
    def missing():
        raise OperationalError("no such table")

    monkeypatch.setattr(checks, "_feeds", missing)
    assert told() == []


def test_a_feed_with_an_unknown_layout_is_told(alliance):
    Feed.objects.filter(code="pivo").update(format="pigeon")
    assert told() == [
        ("wallets.W002", "The feed pivo wants the layout pigeon, which there is not.")
    ]


@pytest.mark.parametrize(
    ("change", "told_of_pivo"),
    [
        ({"schedule": "dayly"}, ("wallets.W004", "The feed pivo: 'dayly' is no schedule: write "
         "daily, weekdays, monthly, or days of the month from 1 to 28 such as 1,8,16,24.")),
        ({"holidays": "FI,ZZ"}, ("wallets.W004", "The feed pivo: 'ZZ' names no holidays: write a "
         "country such as NO, or TARGET, or several with a comma between them.")),
        ({"expected_by": time(0, 0)}, ("wallets.W006", "The feed pivo is expected by 00:00, but "
         "the business day only ends at 00:00.")),
        ({"minimum_minor": 5_000}, ("wallets.W007",
         "The feed pivo has a minimum payout, but no balance carries over.")),
        ({"empty_file": "carry"}, ("wallets.W007",
         "The feed pivo carries balances over, but has no minimum payout.")),
        ({"empty_file": "carry", "minimum_minor": 5_000, "minimum_by_currency": {"SEK": 55_000}},
         ("wallets.W007", "The feed pivo does not say its minimum payout in DKK, ISK, NOK.")),
        ({"format": "mapped"}, ("wallets.W008",
         "The feed pivo is read by a mapping, but names none.")),
        ({"place": "sftp://us@sftp.example/out"}, ("wallets.W008", "The feed pivo does not say "
         "which host key its server has, so that no server is trusted.")),
        ({"must_be_encrypted": True}, ("wallets.W008", "The feed pivo takes encrypted files only, "
         "but has no key of ours to open them.")),
        ({"must_be_signed": True}, ("wallets.W008", "The feed pivo takes signed files only, but "
         "has no key of the partner's to check them.")),
        ({"after": "move"}, ("wallets.W008",
         "The feed pivo moves what was taken, but does not say where to.")),
        ({"ready_when": "marker", "marker_suffix": ""}, ("wallets.W008",
         "The feed pivo waits for a marker file, but does not say what it ends in.")),
    ],
)  # fmt: skip
def test_a_feed_that_cannot_work_is_told(alliance, monkeypatch, change, told_of_pivo):
    monkeypatch.setitem(formats.LAYOUTS, "mapped", "wallets.formats.mapped")
    Feed.objects.filter(code="pivo").update(**change)
    assert told() == [told_of_pivo]
    Feed.objects.filter(code="pivo").update(active=False)
    assert told() == []


def test_a_wallet_without_a_time_zone_is_told(alliance):
    Wallet.objects.filter(code="pivo").update(timezone="Mars/Base")
    assert told() == [("wallets.W005", "pivo lives in 'Mars/Base', which is no time zone.")]


def test_a_file_expected_before_a_late_cut_off_is_told(alliance):
    Wallet.objects.filter(code="pivo").update(day_cutoff=time(14, 30))
    assert told() == [
        ("wallets.W006",
         "The feed pivo is expected by 12:00, but the business day only ends at 14:30."),
    ]  # fmt: skip
    Feed.objects.filter(code="pivo").update(expected_by=time(14, 31))
    assert told() == []


def test_a_mapping_that_is_not_in_use_or_not_the_wallets_own_is_told(alliance, monkeypatch):
    monkeypatch.setitem(formats.LAYOUTS, "mapped", "wallets.formats.mapped")
    mapping = Mapping.objects.create(
        wallet=alliance["momo"], name="Their list", created_at=datetime(2026, 10, 14, tzinfo=UTC)
    )
    Feed.objects.filter(code="pivo").update(format="mapped", mapping=mapping)
    assert told() == [
        ("wallets.W008",
         "The feed pivo is read by the mapping Their list version 1, which is not in use."),
        ("wallets.W008",
         "The feed pivo is read by the mapping Their list version 1 of another wallet."),
    ]  # fmt: skip
    Mapping.objects.update(
        wallet=alliance["pivo"], state="on", tried_at=datetime(2026, 10, 14, tzinfo=UTC)
    )
    assert told() == []


def test_the_form_of_a_feed_refuses_a_rule_that_cannot_be_read(alliance):
    feed = Feed.objects.get(code="pivo")
    for change, words in (
        ({"schedule": "dayly"}, "is no schedule"),
        ({"holidays": "Norway"}, "names no holidays"),
        ({"minimum_by_currency": {"SEK": "550.00"}}, "Write the minimum in other currencies like"),
        ({"minimum_by_currency": {"kr": 55_000}}, "Write the minimum in other currencies like"),
        ({"minimum_by_currency": [55_000]}, "Write the minimum in other currencies like"),
    ):
        wrong = copy(feed)
        for name, value in change.items():
            setattr(wrong, name, value)
        with pytest.raises(ValidationError, match=words):
            wrong.clean()
    feed.clean()


def test_a_settling_wallet_without_a_feed_is_told(alliance):
    Feed.objects.filter(code="bluecode").delete()
    assert told() == [("wallets.W003", "bluecode settles payments but has no feed.")]


def test_a_missing_tariff_is_told(alliance):
    Tariff.objects.filter(wallet__code="vipps", kind="interchange", currency="NOK").delete()
    assert [found.msg for found in checks.tariff_gaps(today=TODAY)] == [
        "vipps has no interchange tariff in NOK on 2026-10-14."
    ]


def test_the_first_day_without_a_tariff_is_told(alliance):
    own = Tariff.objects.filter(wallet__code="bluecode", kind="hub", currency="SEK")
    own.update(valid_to=date(2026, 10, 31))
    Tariff.objects.create(
        wallet=alliance["bluecode"], kind="hub", currency="SEK", valid_from=date(2026, 11, 2), bps=9
    )
    assert [found.msg for found in checks.tariff_gaps(today=TODAY)] == [
        "bluecode has no hub tariff in SEK on 2026-11-01."
    ]


def test_tariffs_that_follow_each_other_have_no_gap(alliance):
    own = Tariff.objects.filter(wallet__code="bluecode", kind="hub", currency="SEK")
    own.update(valid_to=date(2026, 10, 31))
    Tariff.objects.create(
        wallet=alliance["bluecode"], kind="hub", currency="SEK", valid_from=date(2026, 11, 1), bps=9
    )
    assert checks.tariff_gaps(today=TODAY) == []


def test_a_wallet_that_settles_in_one_currency_needs_a_tariff_in_that_one_only(alliance):
    Tariff.objects.filter(wallet__code="alipay").exclude(currency="EUR").delete()
    assert checks.tariff_gaps(today=TODAY) == []


def test_a_wallet_that_left_needs_nothing(alliance):
    Wallet.objects.filter(code="vipps").update(active=False)
    Tariff.objects.filter(wallet__code="vipps").delete()
    assert checks.tariff_gaps(today=TODAY) == []


def test_a_layout_that_cannot_be_used_is_told(monkeypatch):
    half = ModuleType("half")
    half.read = lambda path, options: None
    monkeypatch.setattr(formats, "LAYOUTS", {"gone": "wallets.formats.gone", "half": "half"})
    monkeypatch.setitem(__import__("sys").modules, "half", half)
    found = checks.layouts_can_be_used()
    assert [(one.id, one.msg) for one in found] == [
        ("wallets.E001", "The settlement layout gone cannot be imported: "
         "No module named 'wallets.formats.gone'."),
        ("wallets.E001", "The settlement layout half has no identify."),
    ]  # fmt: skip
