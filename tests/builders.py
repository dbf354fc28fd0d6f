"""Things that tests need, made the way the portal makes them, with sensible defaults."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from merchants.models import Enrolment, Location, Merchant, Sticker
from payments import acceptance
from payments.models import Payment, Refund
from wallets.models import COUNTRIES, Wallet, WalletCountry

NOON = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)
_numbers = count(1)


def merchant(**fields: Any) -> Merchant:
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "ref": f"mer_{number:06d}", "legal_name": f"Fjord Coffee {number} AS", "country": "NO",
        "legal_form": "company", "company_number": f"{900_000_000 + number}",
        "iban": "NO9386011117947", "mcc": "5814", "created_at": NOON,
    }  # fmt: skip
    defaults.update(fields)
    if "acquirer" not in defaults:
        defaults["acquirer"] = Wallet.objects.get(code="vipps")
    return Merchant.objects.create(**defaults)


def location(of: Merchant | None = None, *, enrolled: bool = True, **fields: Any) -> Location:
    """A location that accepts payments, enrolled at every wallet that covers its country."""
    of = of or merchant()
    number = next(_numbers)
    country = fields.get("country", of.country)
    defaults: dict[str, Any] = {
        "code": f"loc_{number:06d}", "merchant": of, "name": f"Fjord Coffee {number}",
        "street": "Storgata 1", "postcode": "0155", "city": "Oslo", "country": country,
        "currency": COUNTRIES[country][1], "mcc": of.mcc, "state": Location.State.ACCEPTING,
        "created_at": NOON,
    }  # fmt: skip
    defaults.update(fields)
    made = Location.objects.create(**defaults)
    if enrolled:
        for covered in WalletCountry.objects.filter(
            country=made.country, currency=made.currency
        ).select_related("wallet"):
            Enrolment.objects.create(
                location=made, wallet=covered.wallet, store_ref=f"{100_000 + number}",
                state=Enrolment.State.APPROVED, changed_at=NOON,
            )  # fmt: skip
    return made


def sticker(at: Location | None = None, **fields: Any) -> Sticker:
    at = at or location()
    number = next(_numbers)
    code = fields.pop("code", f"TEST{number:06d}")
    return Sticker.objects.create(
        code=code, location=at, payload=f"https://q.example/q/{code}", issued_at=NOON, **fields
    )


def payment(at: Location | None = None, *, wallet: str = "vipps", **fields: Any) -> Payment:
    """An accepted payment of 100.00 at noon, unless told otherwise."""
    at = at or location()
    asked: dict[str, Any] = {
        "location_id": at.pk, "wallet_ref": f"P{next(_numbers):08d}", "currency": at.currency,
        "price_minor": 10_000, "occurred_at": NOON,
    }  # fmt: skip
    asked.update(fields)
    return acceptance.accept(
        wallet=Wallet.objects.get(code=wallet), request=acceptance.PaymentRequest(**asked)
    )


def refund(of: Payment, **fields: Any) -> Refund:
    """A full refund an hour later, unless told otherwise."""
    asked: dict[str, Any] = {
        "payment_wallet_ref": of.wallet_ref, "wallet_ref": f"R{next(_numbers):08d}",
        "price_minor": of.price_minor, "occurred_at": NOON.replace(hour=13),
    }  # fmt: skip
    asked.update(fields)
    return acceptance.refund(wallet=of.issuer, request=acceptance.RefundRequest(**asked))
