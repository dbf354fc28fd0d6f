"""Antom's daily transaction report (transactionItems).

Source, public: Antom's transaction items and transaction details report pages (2018 to today)
and their mirrors. UTF-8 CSV: headings, one row a transaction, ``<END>`` as the last line, without
which the file was cut. A day without transactions is headings and ``<END>``. The file is called
``transactionItems_<day>_<part>.csv``; the day is that of the transactions, 00:00:00 to 23:59:59
in UTC+8, and a long day comes in parts 000 to 999, which are files of their own.

Signs: as :mod:`wallets.formats.antom` says: settlementAmountValue is net of all fees, fees are
negative when charged; in one currency amount + fees = settlement is proved. The price of a
refund may come without its sign.

Unit: the public samples are in minor units, the field texts and today's reports say major ones.
``options["unit"]`` says which ("minor" unless set). A decimal point in a file of minor units, and
an amount that is 100 times what its price and quote make, are refused in words that say so.

transactionType: PAYMENT and CAPTURE are sales, REFUND a refund, CANCEL a refund of the whole
payment whose id it has (none, when nothing was taken). All others (AUTHORIZATION, VOID,
reversals, disputes, fees, reserves, collateral) are no payments; unknown ones too, with a
warning each. A row whose status is not SUCCESS moves no money. A row without a settlement amount
was not converted yet: it is taken at its price, without a fee, and warned of.

The shop is referenceStoreId; where it is empty ``options["stores"]`` by referenceMerchantId,
else ``options["store"]``. ``options["wallets"]`` names the paying wallets of pspName,
``options["headings"]`` renames headings, ``options["refund_id"]`` the column of a refund's own
id where its transactionId is its payment's. Times have their offset.

It says what was paid on a day, not what is paid out. It cannot carry totals. One batch a wallet
and currency, called after the day.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from wallets.formats import antom, columns, naming
from wallets.formats.statement import Room, Sheet, Statement, refuse

BATCH_BY = ("wallet", "settled_currency")
ROOM = Room(
    other_movements=False, totals=False, one_day=True, unwritable=',"',
    about="transactionItems_{day:%Y%m%d}_000",
)  # fmt: skip
_NEEDED = tuple(name for name in antom.ITEMS_NEED if not name.startswith("settlement"))


def _named(name: str) -> naming.Named | None:
    found = naming.named(name)
    return found if found and found.kind == "transactions" else None


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return day and part, from the name; the file says neither."""
    found = _named(name)
    return f"transactions {found.day} {found.sequence:03d}" if found else Path(name).stem


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a report; its lines stream."""
    rows = antom.Report(path, options)
    _number, text = next(rows)
    headings = antom.headings_of(text, options)
    if "transactionId" not in headings:
        raise refuse(
            "not_this_layout", 1,
            "The first line must hold the headings, transactionId among them.",
        )  # fmt: skip
    if "settlementBatchId" in headings or "clearingBatchId" in headings:
        raise refuse(
            "not_this_layout", 1,
            "This is a settlement report, not the transactions of a day. Was it left in the wrong "
            "folder?",
        )  # fmt: skip
    places = antom.Places.of(headings, 1, _NEEDED)
    name = options.get("name") or path.name
    named = _named(name)
    if named is None or named.day is None:
        raise refuse(
            "bad_date", 0,
            "The name must hold the day, as in transactionItems_20261014_000.csv: "
            "the file itself does not say it.",
        )  # fmt: skip
    statement = Statement(
        identity=identify(name, b"", options), period_from=named.day, period_to=named.day,
        lines=iter(()), records=1, others=1, sequence=named.sequence,
        sequence_of=f"transactions {named.day}",
    )  # fmt: skip
    items = antom.Items(statement, options, places, ref=f"{named.day:%Y%m%d}", unsettled_too=True)
    statement.lines = iter(items.whole(rows))
    return statement


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    return f"{day:%Y%m%d}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a report of one part; return the line number of each sheet line."""
    headings = [*antom.WRITTEN, "status"]
    with columns.TextFile(path) as file:
        file.put(",".join(headings))
        numbers = []
        for line in sheet.lines:
            cells = {**antom.item(sheet, line, options), "settlementTime": "", "status": "SUCCESS"}
            numbers.append(file.put(antom.row_text([cells.get(name, "") for name in headings])))
        file.put(antom.END)
    return numbers
