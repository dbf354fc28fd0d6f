"""The seven partners of the alliance as data: what they are, cover, charge and send.

An eighth wallet is one more row here, or the same rows typed in the admin, plus at most
one module in wallets.formats. Home countries, hubs and rhythms are public facts of 2019;
tariffs are examples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from django.db import transaction

from wallets.models import COUNTRIES, Feed, Tariff, Wallet, WalletCountry

VALID_FROM = date(2019, 6, 10)


@dataclass(frozen=True)
class Partner:
    """One wallet: the row, its feed and its prices.

    Prices are basis points, and a fixed part in minor units of its home currency.
    """

    code: str
    name: str
    home_country: str
    timezone: str
    format: str
    suffix: str
    acquires: bool = True
    is_hub: bool = False
    settlement_currency: str = ""
    schedule: str = "daily"
    empty_file: str = Feed.Empty.ZERO
    minimum_minor: int = 0
    minimum_by_currency: dict[str, int] = field(default_factory=dict)
    interchange_bps: int = 40
    hub_bps: int = 15
    msc_bps: int = 110
    fixed_minor: int = 0
    vat_bps: int = 0
    returned_on_refund: bool = False
    abroad_through: str = ""
    not_in: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


PARTNERS = (
    Partner(
        "alipay", "Alipay", "CN", "Asia/Shanghai", "alipay_settlement", "txt", acquires=False,
        settlement_currency="EUR", interchange_bps=60, returned_on_refund=True, not_in=("IS",),
        options={"partner_id": "2088100200300400"},
    ),
    Partner(
        "bluecode", "Bluecode", "AT", "Europe/Vienna", "scheme", "txt", is_hub=True,
        interchange_bps=50, vat_bps=2000,
    ),
    Partner(
        "epassi", "ePassi", "FI", "Europe/Helsinki", "epassi_xlsx", "xlsx", is_hub=True,
        schedule="1,8,16,24", empty_file=Feed.Empty.CARRY, minimum_minor=5_000,
        minimum_by_currency={"SEK": 55_000, "DKK": 37_000, "NOK": 58_000, "ISK": 7_000},
        interchange_bps=90, vat_bps=2550,
    ),
    Partner(
        "pivo", "Pivo", "FI", "Europe/Helsinki", "mobilepay_csv", "csv", interchange_bps=35,
    ),
    Partner(
        "vipps", "Vipps", "NO", "Europe/Oslo", "vipps_xml3", "xml",
        empty_file=Feed.Empty.NONE, interchange_bps=175, fixed_minor=100,
    ),
    Partner(
        "momo", "MOMO Pocket", "ES", "Europe/Madrid", "momo_csv", "csv", interchange_bps=45,
        abroad_through="bluecode",
    ),
    Partner(
        "pagaqui", "Pagaqui", "PT", "Europe/Lisbon", "pagaqui_fixed", "txt", interchange_bps=55,
        abroad_through="bluecode",
    ),
)  # fmt: skip


@transaction.atomic
def set_up(partners: tuple[Partner, ...] = PARTNERS, *, places: Path | None = None) -> None:
    """Create the wallets, what they cover and charge, and their feeds; do it once.

    ``places`` is the folder below which every feed has a folder named after its wallet.
    """
    wallets = {}
    for partner in partners:
        wallets[partner.code], _ = Wallet.objects.update_or_create(
            code=partner.code,
            defaults={
                "name": partner.name, "acquires": partner.acquires, "is_hub": partner.is_hub,
                "home_country": partner.home_country, "timezone": partner.timezone,
                "settlement_currency": partner.settlement_currency,
            },
        )  # fmt: skip
        place = ""
        if places is not None:
            (places / partner.code).mkdir(parents=True, exist_ok=True)
            place = str(places / partner.code)
        Feed.objects.update_or_create(
            code=partner.code,
            defaults={
                "wallet": wallets[partner.code], "format": partner.format, "place": place,
                "pattern": f"{partner.code}*.{partner.suffix}", "schedule": partner.schedule,
                "minimum_minor": partner.minimum_minor, "empty_file": partner.empty_file,
                "minimum_by_currency": partner.minimum_by_currency,
                "options": partner.options,
                **({"ready_when": Feed.Ready.AT_ONCE} if places is not None else {}),
            },
        )  # fmt: skip
    for partner in partners:
        _cover(partner, wallets)
        _charge(partner, wallets[partner.code])


def _cover(partner: Partner, wallets: dict[str, Wallet]) -> None:
    own = wallets[partner.code]
    covered = []
    for country, (_name, currency, _zone) in COUNTRIES.items():
        if country in partner.not_in:
            continue
        abroad = country != partner.home_country and partner.abroad_through
        covered.append(
            WalletCountry(
                wallet=own, country=country, currency=currency,
                settled_by=wallets[partner.abroad_through] if abroad else own,
            )
        )  # fmt: skip
    WalletCountry.objects.bulk_create(
        covered, update_conflicts=True, unique_fields=["wallet", "country", "currency"],
        update_fields=["settled_by"],
    )  # fmt: skip


def _charge(partner: Partner, wallet: Wallet) -> None:
    kinds = {"interchange": partner.interchange_bps}
    if partner.is_hub:
        kinds["hub"] = partner.hub_bps
    if partner.acquires:
        kinds["msc"] = partner.msc_bps
    currencies = sorted({currency for _name, currency, _zone in COUNTRIES.values()})
    # A krone is no euro: the fixed part is taken at home only.
    fixed_in = ("interchange", COUNTRIES.get(wallet.home_country, ("", "", ""))[1])
    Tariff.objects.bulk_create(
        [
            Tariff(
                wallet=wallet, kind=kind, currency=currency, valid_from=VALID_FROM, bps=bps,
                fixed_minor=partner.fixed_minor if (kind, currency) == fixed_in else 0,
                vat_bps=partner.vat_bps, returned_on_refund=partner.returned_on_refund,
            )
            for kind, bps in kinds.items()
            for currency in currencies
        ],
        update_conflicts=True, unique_fields=["wallet", "kind", "currency", "valid_from"],
        update_fields=["bps", "fixed_minor", "vat_bps", "returned_on_refund"],
    )  # fmt: skip
