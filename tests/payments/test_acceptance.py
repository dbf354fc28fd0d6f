"""What is accepted, what is refused, and where, when and at which fee it will settle."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from payments import acceptance
from payments.acceptance import CannotAccept, PaymentRequest, RefundRequest
from payments.models import LedgerEntry, Payment, Refund
from tests import builders
from wallets.models import Wallet


def entry_of(payment: Payment) -> LedgerEntry:
    return LedgerEntry.objects.get(payment=payment, kind="sale")


def test_a_payment_becomes_a_fact_of_the_ledger(shop):
    payment = builders.payment(shop, wallet_ref="5584146378", merchant_ref="till 1")
    entry = entry_of(payment)
    assert (entry.kind, entry.wallet_ref, entry.merchant_ref) == ("sale", "5584146378", "till 1")
    assert entry.store_ref == shop.enrolments.get(wallet__code="vipps").store_ref
    assert (entry.gross_minor, entry.currency, entry.fee_minor) == (10_000, "NOK", 275)
    assert (payment.business_date, payment.due_on) == (date(2026, 10, 14), date(2026, 10, 15))
    assert (payment.feed.code, payment.hub) == ("vipps", None)
    # the acquirer of the Oslo shop takes 1.10 %
    assert payment.merchant_fee_minor == 110


@pytest.mark.parametrize(
    ("wallet", "country", "feed", "hub", "fee", "vat"),
    [
        ("momo", "ES", "momo", None, 45, 0),
        ("momo", "PT", "bluecode", "bluecode", 45 + 15, 3),
        ("pagaqui", "PT", "pagaqui", None, 55, 0),
        ("pagaqui", "AT", "bluecode", "bluecode", 55 + 15, 3),
        ("bluecode", "AT", "bluecode", None, 50, 10),
        ("pivo", "DE", "pivo", None, 35, 0),
        ("epassi", "FI", "epassi", None, 90, 23),
    ],
)
def test_each_payment_settles_on_one_feed(alliance, wallet, country, feed, hub, fee, vat):
    at = builders.location(builders.merchant(country=country))
    payment = builders.payment(at, wallet=wallet)
    entry = entry_of(payment)
    assert payment.feed.code == entry.feed.code == feed
    assert (payment.hub.code if payment.hub else None) == hub
    assert (entry.fee_minor, entry.fee_vat_minor) == (fee, vat)


def test_alipay_lives_on_its_own_day_and_pays_out_in_euro(alliance):
    at = builders.location(builders.merchant(country="SE"))
    evening = datetime(2026, 10, 14, 16, 30, tzinfo=UTC)
    payment = builders.payment(
        at, wallet="alipay", occurred_at=evening, fx_rate="0.0871", quote_id="q1"
    )
    assert (payment.business_date, payment.due_on) == (date(2026, 10, 15), date(2026, 10, 16))
    assert (payment.settlement_currency, payment.settlement_minor) == ("EUR", 871)
    refund = builders.refund(payment, occurred_at=evening + timedelta(hours=1))
    entry = LedgerEntry.objects.get(refund=refund)
    assert (entry.gross_minor, entry.settlement_minor) == (-10_000, -871)
    # Alipay gives its fee back
    assert entry.fee_minor == -entry_of(payment).fee_minor == -5


def test_epassi_is_due_on_four_days_of_the_month(alliance):
    at = builders.location(builders.merchant(country="FI"))
    assert builders.payment(at, wallet="epassi").due_on == date(2026, 10, 16)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price_minor": 0}, "amount_out_of_range"),
        ({"price_minor": -5}, "amount_out_of_range"),
        ({"price_minor": 10**13 + 1}, "amount_out_of_range"),
        ({"tip_minor": 10_001}, "tip_out_of_range"),
        ({"currency": "EUR"}, "currency_not_of_location"),
        ({"currency": "XXX"}, "currency_unknown"),
        ({"wallet_ref": ""}, "reference_length"),
        ({"wallet_ref": "x" * 65}, "reference_length"),
        ({"merchant_ref": "a\x1fb"}, "reference_characters"),
        ({"location_id": 0}, "location_unknown"),
    ],
)
def test_what_is_refused_leaves_nothing(shop, changes, code):
    with pytest.raises(CannotAccept) as refused:
        builders.payment(shop, **changes)
    assert refused.value.code == code
    assert not Payment.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_a_shop_that_does_not_accept_or_is_not_enrolled(shop, merchant):
    elsewhere = builders.location(merchant, enrolled=False)
    with pytest.raises(CannotAccept) as refused:
        builders.payment(elsewhere)
    assert refused.value.code == "wallet_not_enrolled"
    shop.state = "suspended"
    shop.save(update_fields=["state"])
    with pytest.raises(CannotAccept) as refused:
        builders.payment(shop)
    assert refused.value.code == "location_not_accepting"
    assert not Payment.objects.exists()


def test_iceland_has_no_alipay(alliance):
    at = builders.location(builders.merchant(country="IS"))
    with pytest.raises(CannotAccept) as refused:
        builders.payment(at, wallet="alipay")
    assert refused.value.code == "wallet_not_enrolled"


def test_a_rate_is_needed_where_the_currencies_differ(alliance):
    at = builders.location(builders.merchant(country="SE"))
    with pytest.raises(CannotAccept) as refused:
        builders.payment(at, wallet="alipay")
    assert refused.value.code == "rate_missing"
    assert not Payment.objects.exists()


def test_a_payment_is_reported_once(shop):
    builders.payment(shop, wallet_ref="1")
    with pytest.raises(CannotAccept) as refused:
        builders.payment(shop, wallet_ref="1")
    assert refused.value.code == "payment_already_reported"
    assert (Payment.objects.count(), LedgerEntry.objects.count()) == (1, 1)


def test_refunds_never_exceed_the_payment(shop):
    payment = builders.payment(shop)
    builders.refund(payment, price_minor=6_000)
    with pytest.raises(CannotAccept) as refused:
        builders.refund(payment, price_minor=4_001)
    assert refused.value.code == "refund_exceeds_payment"
    assert str(refused.value) == "At most 40.00 NOK is left."
    payment.refresh_from_db()
    assert (payment.state, payment.refunded_minor) == ("partly_refunded", 6_000)
    builders.refund(payment, price_minor=4_000)
    payment.refresh_from_db()
    assert (payment.state, payment.refunded_minor) == ("refunded", 10_000)
    assert (Refund.objects.count(), LedgerEntry.objects.filter(kind="refund").count()) == (2, 2)


def test_a_refund_of_nothing_known_is_refused(shop):
    builders.payment(shop)
    with pytest.raises(CannotAccept) as refused:
        acceptance.refund(
            wallet=Wallet.objects.get(code="pivo"),
            request=RefundRequest("1", "R1", 100, builders.NOON),
        )
    assert refused.value.code == "payment_unknown"
    assert not Refund.objects.exists()


def test_many_are_accepted_by_the_same_rules_as_one(shop):
    wallet = Wallet.objects.get(code="vipps")
    requests = [
        PaymentRequest(shop.pk, f"N{number}", "NOK", 10_000, builders.NOON) for number in range(3)
    ]
    stored = acceptance.accept_many(
        wallet=wallet, requests=[*requests, RefundRequest("N1", "R1", 2_500, builders.NOON)]
    )
    assert stored == 4
    one = builders.payment(shop, wallet_ref="ONE")
    facts = (
        "feed_id", "acquirer_id", "merchant_id", "location_id", "store_ref", "currency",
        "gross_minor", "settlement_minor", "fee_minor", "business_date", "due_on",
    )  # fmt: skip
    entries = LedgerEntry.objects.filter(kind="sale")
    assert set(entries.values_list(*facts)) == set(
        LedgerEntry.objects.filter(payment=one).values_list(*facts)
    )
    refunded = Payment.objects.get(wallet_ref="N1")
    assert (refunded.state, refunded.refunded_minor) == ("partly_refunded", 2_500)
    assert LedgerEntry.objects.get(kind="refund").gross_minor == -2_500


def test_many_with_one_that_is_refused_store_nothing_of_its_thousand(shop):
    wallet = Wallet.objects.get(code="vipps")
    requests = [
        PaymentRequest(shop.pk, "N1", "NOK", 10_000, builders.NOON),
        PaymentRequest(shop.pk, "N2", "NOK", 0, builders.NOON),
    ]
    with pytest.raises(CannotAccept):
        acceptance.accept_many(wallet=wallet, requests=requests)
    assert not Payment.objects.exists()
