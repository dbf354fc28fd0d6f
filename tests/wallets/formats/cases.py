"""What the tests of every layout need to know of each: one row a layout that can be written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.wallets.formats import samples
from wallets import formats
from wallets.formats import description
from wallets.formats.statement import Line

CURRENCIES = ("EUR", "NOK", "SEK", "DKK", "ISK")


def _as_it_is(line: Line) -> Line:
    return line


def _without_time(line: Line) -> Line:
    return line._replace(occurred_at="")


def _as_ocr_giro(line: Line) -> Line:
    """Numbers as ids, digits as reference, a day without a time, and no fee."""
    return line._replace(
        ref="".join(one if one.isdigit() else str(1 + ord(one) % 9) for one in line.ref),
        merchant_ref="".join(filter(str.isdigit, line.merchant_ref)), occurred_at="",
        fee="0", net=line.settled_gross,
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A layout as one partner sends it.

    ``name`` is a file name as the partner writes it; ``declares`` says that totals in the
    file can lie, ``empty`` that a file without lines comes, ``is_text`` that it has physical
    lines, ``takes_bom`` that a byte order mark may lead it, ``takes_utf16`` that the mark may be
    UTF-16's. ``shows_a_lost_row``: a file cut at the end of a line cannot pass. ``carries`` turns
    a line into what the layout has room for (no time, whole numbers as ids ...).
    """

    wallet: str
    zone: str
    offset: str
    name: str
    declares: bool = True
    empty: bool = True
    is_text: bool = True
    takes_bom: bool = True
    takes_utf16: bool = False
    shows_a_lost_row: bool = True
    currencies: tuple[str, ...] = CURRENCIES
    options: dict[str, Any] = field(default_factory=dict)
    carries: Callable[[Line], Line] = _as_it_is

    def told(self) -> dict[str, Any]:
        return {"wallet": self.wallet, "timezone": self.zone, **self.options}

    def path(self, folder: Path) -> Path:
        return folder / self.name


MAPPING: dict[str, Any] = {
    **description.EXAMPLE,
    "facts": {"sequence": {"row": 1, "position": 2}},
    "columns": {
        **description.EXAMPLE["columns"],
        "merchant_ref": {"heading": "Order"}, "original_ref": {"heading": "Of"},
    },
    "trailer": {
        **description.EXAMPLE["trailer"],
        "settlement_ref": {"heading": "Shop"}, "value_date": {"heading": "Date"},
    },
}  # fmt: skip
"""The example of the mapped layout, with room for all that the tests carry."""


CASES: dict[str, Case] = {
    "adyen_settlement": Case(
        "adyen", "Europe/Amsterdam", "+02:00", "adyen_settlement_detail_report_batch_7.csv",
    ),
    "alipay_settlement": Case(
        "alipay", "Asia/Shanghai", "+08:00", "alipay_2088100200300400_settlement_20261014.txt",
        declares=False, shows_a_lost_row=False, options={"partner_id": "2088100200300400"},
    ),
    "alipay_transactions": Case(
        "alipay", "Asia/Shanghai", "+08:00", "alipay_2088100200300400_transaction_20261014.txt",
        declares=False, options={"partner_id": "2088100200300400"},
    ),
    "alipayplus_settlement": Case(
        "alipay", "Asia/Shanghai", "+08:00",
        "alipay_20261015_transactionItems_1022188000000000001_EUR_2026101400000000007_A7_000.csv",
        currencies=("EUR",), options={"wallets": {"AlipayCN": "alipay"}},
    ),
    "antom_settlement": Case(
        "alipay", "Asia/Shanghai", "+08:00",
        "alipay_20261015_settlementItems_EUR_2026101500000000007_000.csv",
        declares=False, currencies=("EUR",),
    ),
    "antom_transactions": Case(
        "alipay", "Asia/Shanghai", "+08:00", "alipay_transactionItems_20261014_000.csv",
        declares=False,
    ),
    "epassi_xlsx": Case(
        "epassi", "Europe/Helsinki", "+03:00", "epassi_20261014.xlsx", is_text=False,
    ),
    "mapped": Case(
        "sirio", "Europe/Ljubljana", "+02:00", "settle_20261014_7.csv",
        options={"mapping": MAPPING},
    ),
    "mobilepay_csv": Case("pivo", "Europe/Helsinki", "+00:00", "pivo_20261014.csv"),
    "momo_csv": Case(
        "momo", "Europe/Madrid", "+02:00", "momo_20261014.csv", takes_bom=False,
    ),
    "pagaqui_fixed": Case(
        "pagaqui", "Europe/Lisbon", "+01:00", "pagaqui_20261014.txt", takes_bom=False,
    ),
    "paypal_stl": Case(
        "paypal", "Europe/Vienna", "+02:00", "paypal_STL-20261014.01.009.CSV", takes_utf16=True,
    ),
    "scheme": Case("bluecode", "Europe/Vienna", "+02:00", "bluecode_20261014.txt"),
    "vipps_csv": Case(
        "vipps", "Europe/Oslo", "+02:00", "vipps_20261014.csv", empty=False, carries=_without_time,
    ),
    "vipps_ledger": Case(
        "vipps", "Europe/Oslo", "+02:00", "vipps_20261014.json", currencies=("NOK",),
    ),
    "vipps_ocr": Case(
        "vipps", "Europe/Oslo", "+02:00", "vipps_20261014.txt", empty=False, currencies=("NOK",),
        carries=_as_ocr_giro,
    ),
    "vipps_xlsx": Case(
        "vipps", "Europe/Oslo", "+02:00", "vipps_20261014.xlsx", is_text=False,
        currencies=("NOK",), carries=_without_time,
    ),
    "vipps_xml2": Case("vipps", "Europe/Oslo", "+02:00", "vipps_20261014.xml", empty=False),
    "vipps_xml3": Case("vipps", "Europe/Oslo", "+02:00", "vipps_20261014.xml", empty=False),
}  # fmt: skip


def lines_of(layout: str) -> list[Line]:
    """Two shops, up to five currencies, a sale and its refund each; some without a fee."""
    case = CASES[layout]
    found = []
    for number, currency in enumerate(case.currencies):
        for store in ("100001", "100002"):
            ref = f"P{number}{store}"
            common = {
                "wallet": case.wallet, "store": store, "currency": currency,
                "merchant_ref": "" if number == 1 else f"table-{number}",
                "occurred_at": f"2026-10-14T1{number}:30:05{case.offset}",
            }  # fmt: skip
            found += [
                samples.line(4990 + number, 0 if currency == "ISK" else 61, ref=ref, **common),
                samples.line(-1205, 0, ref=f"R{number}{store}", **common),
            ]
    # A file is in the order of its batches.
    by = formats.get(layout).BATCH_BY
    carried = [case.carries(line) for line in found]
    return sorted(carried, key=lambda one: tuple(getattr(one, name) for name in by))
