"""The front door: a page for strangers, the right desk for everyone else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Q
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.core import clock
from wallets.models import COUNTRIES, Tariff, Wallet
from wallets.tariffs import Terms

EXAMPLE_MINOR = 2_000


@dataclass(frozen=True)
class Price:
    """What shops pay at present: the span of all service charges, and a sale worked out.

    ``fixed`` is the highest fixed part, ``None`` when nobody charges one. The example is
    a sale of 20.00 in euro at the highest charge.
    """

    lowest_bps: int
    highest_bps: int
    fixed: tuple[int, str] | None
    sale_minor: int
    fee_minor: int
    currency: str = "EUR"

    @property
    def rest_minor(self) -> int:
        return self.sale_minor - self.fee_minor


def price_on(day: date) -> Price | None:
    """Return what the service charge is on a day, or None while no acquirer has set one."""
    valid = list(
        Tariff.objects.filter(
            Q(valid_to=None) | Q(valid_to__gte=day), kind=Tariff.Kind.MSC,
            valid_from__lte=day, wallet__active=True,
        ).order_by("bps", "fixed_minor")
    )  # fmt: skip
    in_euro = [tariff for tariff in valid if tariff.currency == "EUR"]
    if not in_euro:
        return None
    dearest = max(in_euro, key=lambda tariff: _terms(tariff).on_sale(EXAMPLE_MINOR).minor)
    fixed = max(in_euro, key=lambda tariff: tariff.fixed_minor)
    return Price(
        lowest_bps=valid[0].bps,
        highest_bps=valid[-1].bps,
        fixed=(fixed.fixed_minor, fixed.currency) if fixed.fixed_minor else None,
        sale_minor=EXAMPLE_MINOR,
        fee_minor=_terms(dearest).on_sale(EXAMPLE_MINOR).minor,
    )


def _terms(tariff: Tariff) -> Terms:
    return Terms(tariff.bps, tariff.fixed_minor, tariff.vat_bps, tariff.returned_on_refund)


def home(request: HttpRequest) -> HttpResponse:
    user = request.user
    if user.is_authenticated:
        if user.is_finance and not user.is_superuser:
            return redirect("payments:nights")
        if user.is_reviewer and not user.is_superuser:
            return redirect("admin:merchants_application_changelist")
        if user.is_staff:
            return redirect("admin:index")
        return redirect("merchants:home")
    wallets = Wallet.objects.filter(active=True, issues=True).order_by(Lower("name"))
    return render(
        request,
        "core/home.html",
        {
            "wallets": wallets,
            "countries": COUNTRIES,
            "price": price_on(clock.now().date()),
        },
    )
