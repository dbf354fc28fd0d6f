"""Bodies of the API: what callers send becomes a request, rows become answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from merchants.models import Location
from payments.acceptance import PaymentRequest, RefundRequest
from payments.api.problems import Refused
from payments.api.strict import Fields
from payments.models import Payment, Refund

CODE = re.compile(r"[A-Za-z0-9-]{1,20}")
REF = re.compile(r"[a-z]{2,8}_[0-9a-z]{1,32}")
MERCHANT_REF_LENGTH = 64


@dataclass(frozen=True)
class ScannedPayment:
    """A payment as a wallet reports it, and the code that was scanned."""

    code: str
    request: PaymentRequest


def read_payment(data: Any, *, now: datetime) -> ScannedPayment:
    """Return what was asked for, or raise Refused with an error for each field."""
    fields = Fields(data)
    code = fields.text(
        "code", CODE, _("The code from the sticker's address, without the address."), required=True
    )
    wallet_ref = fields.wallet_ref("wallet_ref", required=True)
    amount = fields.amount("amount", required=True)
    tip = fields.amount("tip", least=0)
    payer = fields.amount("payer_amount")
    merchant_ref = fields.printable("merchant_ref", longest=MERCHANT_REF_LENGTH)
    occurred_at = fields.instant("occurred_at", now=now)
    fx_rate = fields.rate("fx_rate")
    quote_id = fields.wallet_ref("quote_id")
    if amount and tip:
        if tip[1] != amount[1]:
            fields.wrong("tip/currency", "currency_differs", _("The same as of the amount."))
        elif tip[0] > amount[0]:
            fields.wrong("tip/value", "out_of_range", _("The tip is part of the amount."))
    fields.done()
    minor, currency = amount or (0, "")
    return ScannedPayment(
        code,
        PaymentRequest(
            location_id=0, wallet_ref=wallet_ref, currency=currency, price_minor=minor,
            occurred_at=occurred_at, merchant_ref=merchant_ref, tip_minor=tip[0] if tip else 0,
            payer_minor=payer[0] if payer else None, payer_currency=payer[1] if payer else "",
            quote_id=quote_id, fx_rate=fx_rate,
        ),
    )  # fmt: skip


def read_refund(data: Any, *, payment: Payment, now: datetime) -> RefundRequest:
    """Return the refund that is asked for, or raise Refused."""
    fields = Fields(data)
    wallet_ref = fields.wallet_ref("wallet_ref", required=True)
    amount = fields.amount("amount", required=True)
    merchant_ref = fields.printable("merchant_ref", longest=MERCHANT_REF_LENGTH)
    occurred_at = fields.instant("occurred_at", now=now)
    fields.done()
    minor, currency = amount or (0, "")
    if currency != payment.currency:
        raise Refused(
            "currency_not_of_payment",
            _("It was paid in %(currency)s.") % {"currency": payment.currency},
        )
    return RefundRequest(
        payment_wallet_ref=payment.wallet_ref, wallet_ref=wallet_ref, price_minor=minor,
        occurred_at=occurred_at, merchant_ref=merchant_ref,
    )  # fmt: skip


def shop_body(location: Location) -> dict[str, str]:
    """What every wallet may know of a shop."""
    return {
        "name": location.name,
        "street": location.street,
        "postcode": location.postcode,
        "city": location.city,
        "country": location.country,
        "mcc": location.mcc,
    }


def payment_body(payment: Payment, *, refunds: list[Refund]) -> dict[str, Any]:
    """A payment as its issuer sees it; feed's wallet and location should be loaded."""
    payer = None
    if payment.payer_minor is not None:
        payer = _amount(payment.payer_minor, payment.payer_currency)
    return {
        "id": payment.ref,
        "state": payment.state,
        "wallet_ref": payment.wallet_ref,
        "merchant_ref": payment.merchant_ref,
        "amount": _amount(payment.price_minor, payment.currency),
        "tip": _amount(payment.tip_minor, payment.currency),
        "refunded": _amount(payment.refunded_minor, payment.currency),
        "payer_amount": payer,
        "settlement": {
            "amount": _amount(payment.settlement_minor, payment.settlement_currency),
            "fx_rate": payment.fx_rate,
            "quote_id": payment.quote_id,
            "settled_by": payment.feed.wallet.code,
            "business_date": payment.business_date.isoformat(),
            "due_on": payment.due_on.isoformat(),
        },
        "occurred_at": _instant(payment.occurred_at),
        "shop": shop_body(payment.location),
        "refunds": [refund_body(refund, payment) for refund in refunds],
    }


def refund_body(refund: Refund, payment: Payment) -> dict[str, Any]:
    return {
        "id": refund.ref,
        "payment": payment.ref,
        "wallet_ref": refund.wallet_ref,
        "merchant_ref": refund.merchant_ref,
        "amount": _amount(refund.price_minor, refund.currency),
        "settlement": {
            "amount": _amount(refund.settlement_minor, payment.settlement_currency),
            "business_date": refund.business_date.isoformat(),
            "due_on": refund.due_on.isoformat(),
        },
        "occurred_at": _instant(refund.occurred_at),
    }


def _amount(minor: int, currency: str) -> dict[str, Any]:
    return {"value": minor, "currency": currency}


def _instant(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
