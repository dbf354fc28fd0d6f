"""Antom's settlement reports: settlementItems and settlementSummary.

Source, public: Antom's settlement items, settlement details, settlement summary and field
summary pages (2018 to today) and their Chinese mirrors. UTF-8 CSV: headings, rows, ``<END>`` as
the last line, without which the file was cut. Items and summary are told apart by their
headings: the summary has summaryType. Names::

    settlementItems_[<psp>_]<ccy>_<batch>_<part>.csv
    settlementSummary_[CONNECTWALLET_|<psp>_|<payment method>_]<ccy>_<batch>_<part>.csv

Parts 000 to 999 of one batch are files of their own. A cycle in which nothing was settled is
headings and ``<END>``, in a file called after batch 0000000000000000000; only its folder says
its day, so the folder is part of the name (``20261015/settlementItems_...``).

Signs: settlementAmountValue is net of all fees; fees are negative when charged, positive when
given back. So 1450 and -50 is 1500 gross, fee 50, net 1450, and its half refunded -725 and 25 is
-750, fee -25, net -725. In one currency amount + fees = settlement is proved. All columns of fees
are added up, taxes and coupons that nobody guarantees included; each must be in the currency of
the settlement.

Unit: the public samples are in minor units, the field texts and today's reports say major ones.
``options["unit"]`` says which ("minor" unless set). A decimal point in a file of minor units, an
amount that is 100 times what its price and quote make, and a total that is 100 times its rows
are refused in words that say so.

Items: transactionType as in :data:`wallets.formats.antom.TYPES`: PAYMENT and CAPTURE are sales,
REFUND a refund, CANCEL a refund of the whole payment whose id it has; authorizations, voids,
reversals, disputes, fees, reserves and collateral are money that is no payment, and so is an
unknown type, with a warning. The shop is referenceStoreId; where it is empty ``options["stores"]``
by referenceMerchantId, else ``options["store"]``. ``options["wallets"]`` names the paying wallets
of pspName, ``options["headings"]`` renames headings, ``options["refund_id"]`` the column of a
refund's own id where, as today, its transactionId is its payment's. One batch a wallet and
currency, called by its settlementBatchId.

The period is that of the payments, in business days of UTC+8; it grows while the lines stream.
A file is about the currency of its name and misses nothing of the others.
A file without payments is of the day before its folder's, or before the day its batch begins with.

Summary: it settles nothing. Every row is money that is no payment, in the batch that the items
file has; the row TOTAL is no line but the batch's declared totals, and is proved: count, amount
and fees of all rows add up to it, the correction row DEFAULT included, which is warned of.

It cannot carry, as items: totals. The older 2.0.4 files (ALIPAY_SETTLEMENT_*) are known by name
only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from portal.core.money import from_minor
from wallets.formats import antom, columns, naming
from wallets.formats.antom import Items, Places
from wallets.formats.columns import BadValue, Reading
from wallets.formats.statement import NOT_A_PAYMENT, REFUND, Line, Room, Sheet, Statement, refuse

BATCH_BY = ("wallet", "settled_currency")
ROOM = Room(
    other_movements=False, totals=False, says_its_days=False, unwritable=',"',
    about="settlementItems_{currency}_{batch}_000",
)  # fmt: skip
KINDS = {"items": "settlementItems", "summary": "settlementSummary"}
_ITEMS_NEED = ("settlementBatchId", *antom.ITEMS_NEED)
_SUMMARY_NEED = (
    "settlementBatchId", "summaryType", "count", "settlementAmountValue", "settlementCurrency",
)  # fmt: skip
_ITEMS_WRITTEN = ("settlementBatchId", *antom.WRITTEN)
_SUMMARY_WRITTEN = (
    "settlementBatchId", "customerId", "acquirer", "summaryType", "settlementTime", "count",
    "settlementAmountValue", "settlementCurrency", "feeAmountValue", "feeCurrency",
    "processingFeeAmountValue", "processingFeeCurrency", "nonGuaranteeCouponValue",
    "nonGuaranteeCouponCurrency",
)  # fmt: skip
TOTAL, CORRECTION = "TOTAL", "DEFAULT"


def _named(name: str) -> naming.Named | None:
    found = naming.named(name)
    return found if found and found.kind in KINDS else None


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return kind, payment method, currency, batch and part.

    Taken from the name; where it is none of Antom's, kind, currency and batch are those of the
    first row. An empty cycle is told from another by its folder's day.
    """
    found = _named(name)
    if found is not None:
        day = str(found.day_before_folder or "") if found.is_empty_cycle else ""
        parts = (
            KINDS[found.kind], found.psp, found.currency, found.batch, day, f"{found.sequence:03d}",
        )  # fmt: skip
        return " ".join(filter(None, parts))
    lines = columns.first_lines(head)
    headings = antom.headings_of(lines[0], options)
    try:
        cells = antom.cells_of(lines[1])
        batch = cells[headings.index("settlementBatchId")]
        currency = cells[headings.index("settlementCurrency")]
    except (ValueError, IndexError):
        return Path(name).stem
    kind = "summary" if "summaryType" in headings else "items"
    return f"{KINDS[kind]} {currency} {batch}"


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a report; its lines stream."""
    rows = antom.Report(path, options)
    _number, text = next(rows)
    headings = antom.headings_of(text, options)
    is_summary = "summaryType" in headings
    if "settlementBatchId" not in headings:
        raise refuse(
            "not_this_layout", 1,
            "The first line must hold the headings, settlementBatchId among them.",
        )  # fmt: skip
    places = Places.of(headings, 1, _SUMMARY_NEED if is_summary else _ITEMS_NEED)
    name = options.get("name") or path.name
    named = _named(name)
    if named is not None and KINDS[named.kind] != KINDS["summary" if is_summary else "items"]:
        raise refuse(
            "not_this_layout", 1,
            f"The name says {KINDS[named.kind]}, the headings say otherwise. Is the file mixed up?",
        )  # fmt: skip
    with path.open("rb") as file:
        head = file.read(columns.LONGEST_LINE)
    day = antom.first_day(head, options) or _other_day(named, head)
    if day is None:
        raise refuse(
            "bad_date", 0,
            "Nothing says of which day this file is: it has no payments, and its name has no day. "
            "Leave it in a folder called after its day, as Antom does: 20261015/<name>.",
        )  # fmt: skip
    statement = Statement(
        identity=identify(name, head, options), period_from=day, period_to=day, lines=iter(()),
        records=1, others=1, is_summary=is_summary,
    )  # fmt: skip
    if named is not None and not named.is_empty_cycle:
        statement.sequence = named.sequence
        statement.sequence_of = " ".join(
            filter(None, (KINDS[named.kind], named.psp, named.currency, named.batch))
        )
    if is_summary:
        statement.lines = _Summary(statement, options, places, named).lines(rows)
    else:
        if named is not None:
            statement.covers_currencies = {named.currency}
        items = Items(
            statement, options, places, batch_at=places.at("settlementBatchId"), named=named,
            widens=True,
        )  # fmt: skip
        statement.lines = iter(items.whole(rows))
    return statement


def _other_day(named: naming.Named | None, head: bytes) -> date | None:
    """Return the day of a file without payments: the one before it was made."""
    if named is not None and named.folder_day is not None:
        return named.day_before_folder
    batch = named.batch if named else ""
    if not batch:
        second = [*columns.first_lines(head), ""][1]
        batch = second.partition(",")[0].strip('" ')
    made = naming.compact_day(batch[:8])
    return made - timedelta(days=1) if made and made.year > 2000 else None


# -- the summary ---------------------------------------------------------------------------


@dataclass(slots=True)
class _Total:
    """What a row TOTAL states: transactions, net and fee (+ when charged), minor units."""

    line_no: int
    count: int
    net: int
    fee: int


class _Summary:
    def __init__(
        self, statement: Statement, options: dict[str, Any], places: Places,
        named: naming.Named | None,
    ) -> None:  # fmt: skip
        self.statement = statement
        self.reading = Reading(statement)
        self.money = antom.Money(options)
        self.wallet = options.get("wallet") or "alipay"
        self.times = columns.Times("settlementTime", None)
        self.places, self.named = places, named
        self.order = [places.at(name) for name in _SUMMARY_NEED]
        self.settled_on = places.all_of(*antom.SETTLED_ON)
        self.totals: dict[int, _Total] = {}
        self.counts: dict[int, int] = {}
        self.closed = False
        self.number = 1

    def lines(self, rows: Iterator[tuple[int, str]]) -> Iterator[Line]:
        yield from self.reading.each(rows, self.take)
        if not self.closed:
            raise refuse(
                "truncated", self.number,
                "<END> is absent: the file was cut. Ask the partner to send it again.",
            )  # fmt: skip
        if self.reading.bad_rows:
            return
        for index in range(len(self.statement.batches)):
            self.prove(index)

    def take(self, number: int, text: str) -> Line | None:
        self.number = number
        if not text.strip(" ,\t"):
            return None
        if self.closed:
            raise BadValue("bad_value", "There is a row after <END>, which closes the file.")
        if antom.is_end(text):
            self.closed = True
            return None
        cells = [*columns.checked_cells(antom.cells_of(text), self.places.width), ""]
        ref, word, count_text, amount, currency = (cells[position] for position in self.order)
        index = self._batch(columns.id_of(ref, "settlementBatchId"), currency)
        paid = self.money[currency]
        net = paid[amount]
        fee = -antom.sum_of_fees(cells, self.places.fees, paid, currency)
        count = columns.count_of(count_text, "count") if count_text else 0
        settled_on = next((cells[position] for position in self.settled_on if cells[position]), "")
        if settled_on:
            self.statement.batches[index].value_date = columns.date_of(
                settled_on[:10], "settlementTime"
            )
        if word == TOTAL:
            if index in self.totals:
                raise BadValue("bad_value", f"A second TOTAL of batch {ref} in {currency}.")
            self.totals[index] = _Total(number, count, net[0], fee)
            return None
        if word == CORRECTION:
            self.statement.warn(
                "unknown_type", number,
                f"Batch {ref} has a correction of {amount} {currency} that no transaction "
                "explains. Ask the partner for its reason.",
            )  # fmt: skip
        elif word not in antom.TYPES:
            self.statement.warn(
                "unknown_type", number,
                f"summaryType {word[:40]!r} is unknown; its amount is counted.",
            )  # fmt: skip
        self.counts[index] = self.counts.get(index, 0) + count
        gross = (net[0] + fee, str(net[0] + fee))
        return self.reading.line(
            number, index, self.wallet, NOT_A_PAYMENT, columns.id_of(word, "summaryType"), "",
            currency, gross, currency, gross, (fee, str(fee)), net, "", "",
            self.times[settled_on] if "T" in settled_on else "", "",
        )  # fmt: skip

    def _batch(self, ref: str, currency: str) -> int:
        index = self.reading.known.get((ref, currency))
        if index is None:
            antom.agree(self.named, ref, currency)
            index = self.reading.batch((ref, currency), ref, self.wallet, currency)
        return index

    def prove(self, index: int) -> None:
        """Compare a batch's TOTAL with its rows, and keep it as what the batch declares."""
        batch, tally = self.statement.batches[index], self.reading.tallies[index]
        total = self.totals.get(index)
        if total is None:
            self.reading.error(
                "count_differs", self.number,
                f"The row TOTAL of batch {batch.ref} in {batch.currency} is absent. "
                "Ask the partner for a corrected file.",
            )  # fmt: skip
            return
        batch.declared_count, batch.declared_net_minor = total.count, total.net
        batch.declared_fee_minor = total.fee
        batch.declared_gross_minor = total.net + total.fee
        if total.count != self.counts.get(index, 0):
            self.reading.error(
                "count_differs", total.line_no,
                f"TOTAL of batch {batch.ref} counts {total.count} transactions, its rows "
                f"{self.counts.get(index, 0)}. Ask the partner for a corrected file.",
            )  # fmt: skip
        for word, stated, found in (("net", total.net, tally.net), ("fee", total.fee, tally.fee)):
            if stated != found:
                self.reading.error(
                    "total_differs", total.line_no,
                    f"TOTAL of batch {batch.ref} states {word} "
                    f"{from_minor(stated, batch.currency)} {batch.currency}, its rows add up to "
                    f"{from_minor(found, batch.currency)}.{antom.hundredfold(stated, found)} "
                    "Ask the partner for a corrected file.",
                )  # fmt: skip


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return a batch's id: the day after the period, and the number of the settlement."""
    return f"{day + timedelta(days=1):%Y%m%d}{number:011d}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write items, or the summary where the path is called settlementSummary_...

    Returns the line number of each sheet line; in a summary, of the row that it is part of.
    """
    named = naming.named(path.name)
    if named is not None and named.kind == "summary":
        return _write_summary(path, sheet, options)
    with columns.TextFile(path) as file:
        file.put(",".join(_ITEMS_WRITTEN))
        numbers = []
        for line in sheet.lines:
            cells = antom.item(sheet, line, options)
            cells["settlementBatchId"] = sheet.batches[line.batch].ref
            numbers.append(
                file.put(antom.row_text([cells.get(name, "") for name in _ITEMS_WRITTEN]))
            )
        file.put(antom.END)
    return numbers


def _write_summary(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write one TOTAL a batch and currency, and one row for each kind of money in it."""
    unit, misstate = antom.unit_of(options), sheet.misstate_minor
    keys = [(batch.ref, batch.currency) for batch in sheet.batches]
    sums: dict[tuple[str, str], dict[str, list[int]]] = {key: {} for key in keys}
    words = []
    for line in sheet.lines:
        words.append(
            REFUND.upper() if line.kind == REFUND else
            "SETTLEMENT_FEE" if line.kind == NOT_A_PAYMENT else "PAYMENT"
        )  # fmt: skip
        figures = sums[keys[line.batch]].setdefault(words[-1], [0, 0, 0])
        for place, more in enumerate((1, int(line.net), int(line.fee))):
            figures[place] += more
    numbers: dict[tuple[tuple[str, str], str], int] = {}
    days = {key: batch.value_date for key, batch in zip(keys, sheet.batches, strict=True)}
    with columns.TextFile(path) as file:
        file.put(",".join(_SUMMARY_WRITTEN))
        for key, by_word in sums.items():
            ref, currency = key
            total = [sum(figures[place] for figures in by_word.values()) for place in range(3)]
            total[1] += misstate
            misstate = 0
            for word, (count, net, fee) in ((TOTAL, total), *sorted(by_word.items())):
                cells = {
                    "settlementBatchId": ref,
                    "customerId": str(options.get("customer_id") or "1022000000000000000"),
                    "acquirer": "Alipay", "summaryType": word,
                    "settlementTime": f"{days[key]}T10:00:00+08:00" if days[key] else "",
                    "count": str(count),
                    "settlementAmountValue": antom.amount_text(net, currency, unit),
                    "settlementCurrency": currency,
                    "feeAmountValue": antom.amount_text(-fee, currency, unit),
                    "feeCurrency": currency,
                }  # fmt: skip
                numbers[key, word] = file.put(
                    antom.row_text([cells.get(name, "") for name in _SUMMARY_WRITTEN])
                )
        file.put(antom.END)
    return [numbers[keys[line.batch], word] for line, word in zip(sheet.lines, words, strict=True)]
