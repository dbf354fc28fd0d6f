"""Things that tests need, made the way the portal makes them, with sensible defaults."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from merchants import qr
from merchants.models import Enrolment, Location, Merchant, Sticker
from payments import acceptance, reconciliation, settlement
from payments.models import LedgerEntry, Payment, Refund, SettlementFile
from wallets import formats
from wallets.formats.statement import Batch, Line, Sheet
from wallets.models import COUNTRIES, Feed, Wallet, WalletCountry

NOON = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)
DAY = NOON.date()
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
    code = fields.pop("code", None) or qr.code_of(number)
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


def line(entry: LedgerEntry, **changes: Any) -> Line:
    """The settlement line that equals a ledger entry, but for the changes."""
    equal = Line(
        no=0, batch=0, wallet=entry.wallet.code, kind=entry.kind, ref=entry.wallet_ref,
        store=entry.store_ref, currency=entry.currency, gross=str(entry.gross_minor),
        settled_currency=entry.settlement_currency, settled_gross=str(entry.settlement_minor),
        fee=str(entry.fee_minor), net=str(entry.settlement_minor - entry.fee_minor),
        rate=entry.fx_rate, merchant_ref=entry.merchant_ref,
        occurred_at=entry.occurred_at.isoformat(), original_ref="",
    )  # fmt: skip
    changed = equal._replace(**changes)
    return changed._replace(net=str(int(changed.settled_gross) - int(changed.fee)))


def settlement_file(
    folder: Path, lines: list[Line], *, feed: str = "vipps", day: date = DAY,
    name: str = "", number: int = 2_000_001, **sheet: Any,
) -> Path:  # fmt: skip
    """Write lines as a partner's file of a business day, in the batches its layout makes."""
    of = Feed.objects.select_related("wallet").get(code=feed)
    layout = formats.get(of.format)
    batches: dict[tuple[str, ...], Batch] = {}
    places: dict[tuple[str, ...], int] = {}
    placed = []
    for one in lines:
        key = tuple(getattr(one, name) for name in layout.BATCH_BY)
        if key not in batches:
            batches[key] = Batch(
                f"{'-'.join(key[:-1] or key)}-{number}", one.wallet, one.settled_currency
            )
            places[key] = len(places)
        placed.append(one._replace(batch=places[key]))
    placed.sort(key=lambda one: one.batch)
    path = folder / (name or f"{feed}-{day.isoformat()}.{of.pattern.rpartition('.')[2]}")
    layout.write(
        path,
        Sheet(
            wallet=of.wallet.code, number=number, period_from=day, period_to=day,
            made_on=day + timedelta(days=1), batches=list(batches.values()), lines=placed, **sheet,
        ),
        settlement.options(of),
    )  # fmt: skip
    return path


def reconciled(feed: str, path: Path) -> SettlementFile:
    """Take in a file and reconcile its feed; return the file as it ended."""
    of = Feed.objects.select_related("wallet").get(code=feed)
    delivery = settlement.receive(feed=of, name=path.name, path=path, now=NOON)
    reconciliation.run_feed(of.pk, now=NOON)
    delivery.file.refresh_from_db()
    return delivery.file
