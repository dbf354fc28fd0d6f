"""What a payment costs: the tariff valid on a day, and the fee it makes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from portal.core import money
from wallets.models import Tariff


class NoTariff(LookupError):
    """No tariff of that kind and currency is valid on that day."""


@dataclass(frozen=True)
class Fee:
    """A fee and the VAT on it, in minor units; + is charged to the merchant."""

    minor: int
    vat_minor: int

    def __add__(self, other: Fee) -> Fee:
        return Fee(self.minor + other.minor, self.vat_minor + other.vat_minor)


@dataclass(frozen=True)
class Terms:
    """The terms of one tariff, apart from the database."""

    bps: int
    fixed_minor: int
    vat_bps: int
    returned_on_refund: bool

    def on_sale(self, amount_minor: int) -> Fee:
        """Fee = half-up of basis points plus the fixed part."""
        fee = money.share(amount_minor, self.bps) + self.fixed_minor
        return Fee(fee, money.share(fee, self.vat_bps))

    def on_refund(self, amount_minor: int) -> Fee:
        """What is given back of the fee for a refunded amount (given as a positive number)."""
        if not self.returned_on_refund:
            return Fee(0, 0)
        fee = -money.share(amount_minor, self.bps)
        return Fee(fee, money.share(fee, self.vat_bps))


def terms(wallet_id: int, kind: str, currency: str, day: date) -> Terms:
    """Return the terms valid on a business day, or raise NoTariff."""
    found = (
        Tariff.objects.filter(
            Q(valid_to=None) | Q(valid_to__gte=day),
            wallet_id=wallet_id,
            kind=kind,
            currency=currency,
            valid_from__lte=day,
        )
        .order_by("-valid_from")
        .values_list("bps", "fixed_minor", "vat_bps", "returned_on_refund")
        .first()
    )
    if found is None:
        raise NoTariff(f"Wallet {wallet_id} has no {kind} tariff in {currency} on {day}.")
    return Terms(*found)
