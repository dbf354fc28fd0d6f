"""System checks of what was agreed with the wallets."""

from __future__ import annotations

from datetime import date
from types import ModuleType

import pytest
from django.db import OperationalError

from wallets import checks, formats
from wallets.models import Feed, Tariff, Wallet

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
