"""Alipay+ reports of a hub: clearing details of several wallets, and what a settlement nets.

Source, public: the reconciliation pages of Alipay+ for acquirers and for wallets (names,
folders, structure, cycles). Their full lists of columns are not public. Known are the two
sections, the fields totalCount, clearingBatchId, transactionTime and valueDate, and the
parts of the names; every other heading here follows Antom's public field summary, the sibling of
these reports. ``options["headings"]`` renames what an agreement calls otherwise. A partner with
quite other columns is described in the layout ``mapped``.

UTF-8 CSV in two sections, a summary (headings and one row) and the details (headings, rows);
blank lines may part them, ``<END>`` may close them::

    clearingBatchId,participantId,participantAgreementId,settlementCurrency,valueDate,totalCount,...
    20261014001,1022188000000000001,A7,EUR,2026-10-16,2,1944,-56,EUR

    clearingBatchId,pspName,transactionType,transactionId,...

``transactionItems_<participant>_<ccy>_<clearing batch>_<agreement>_<part>.csv`` has the
transactions of one clearing cycle, 00:00:00 to 23:59:59 in UTC+8. One file carries several
wallets: ``options["wallets"]`` says which of our codes each pspName is, and a name that it lacks
is an error that says what to add. One batch a wallet and currency, all called by their clearing
batch. The summary section is proved: totalCount is the number of rows, the amounts are their
sums, participant, agreement, batch and currency are those of the name.

``settlement_<participant>_<ccy>_<settlement batch>_<agreement>_<part>.csv`` lists the clearing
batches that one payment nets. It settles nothing itself: each row is money that is no payment,
in a batch called after its clearing batch, so that it is compared with the clearing's own file.
``summary_...`` is read in the same way; it has no summary section. ``feeItems_...`` repeats the
fees that the details have and is refused.

Signs and units are Antom's: settlementAmountValue is net of all fees and signed, a fee is
negative when charged, ``options["unit"]`` is minor (unless set) or major. A report whose amounts
are unsigned beside a column of directions is refused: which letter is ours is not public.

A cycle is one day, the one before its folder's, which therefore belongs to the name:
``clearing/<participant>/20261015/<name>``. A cycle without transactions is a summary of 0 and says
its day nowhere else; of others without a folder the period is that of the payments, in days of
UTC+8. A file is about one settled currency and misses nothing of the others. The identity of a
file is its kind, participant, agreement, currency, batch and part; parts run from 000 within a
batch.

It cannot carry totals for each wallet. The exchange rate is that of the payment, which Alipay+
tells when it is made; where a quote is absent, no rate is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from portal.core.money import from_minor
from wallets.formats import antom, columns, naming
from wallets.formats.antom import Items, Places
from wallets.formats.columns import BadValue, CannotWrite, Reading, Tally
from wallets.formats.statement import NOT_A_PAYMENT, Line, Room, Sheet, Statement, refuse

BATCH_BY = ("wallet", "settled_currency")
ROOM = Room(
    other_movements=False, unwritable=',"', about="transactionItems_1022_{currency}_{batch}_A1_000"
)
KINDS = {
    "hub_items": "transactionItems", "hub_summary": "summary", "hub_fees": "feeItems",
    "hub_settlement": "settlement",
}  # fmt: skip
_BATCHES = ("clearingBatchId", "settlementBatchId")
_SUMMARY_NEED = ("totalCount", "settlementCurrency", "settlementAmountValue")
_CLEARING_NEED = ("clearingBatchId", "settlementCurrency", "settlementAmountValue")
_SUMMARY_WRITTEN = (
    "participantId", "participantAgreementId", "settlementCurrency", "valueDate", "totalCount",
    "settlementAmountValue", "feeAmountValue", "feeCurrency",
)  # fmt: skip
_CLEARING_WRITTEN = (
    "clearingBatchId", "settlementCurrency", "count", "settlementAmountValue", "feeAmountValue",
    "feeCurrency",
)  # fmt: skip


def _named(name: str) -> naming.Named | None:
    found = naming.named(name)
    return found if found and found.kind in KINDS else None


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return kind, participant, agreement, currency, batch and part, from the name."""
    found = _named(name)
    if found is None:
        return Path(name).stem
    day = str(found.day_before_folder or "") if found.is_empty_cycle else ""
    parts = (
        KINDS[found.kind], found.participant, found.agreement, found.currency, found.batch, day,
        f"{found.sequence:03d}",
    )  # fmt: skip
    return " ".join(filter(None, parts))


# -- the sections --------------------------------------------------------------------------


@dataclass(slots=True)
class _Said:
    """What the summary section states; amounts in minor units, the fee + when charged."""

    line_no: int
    batch: str
    currency: str
    count: int
    net: int
    fee: int | None
    value_date: date | None


class _Sections:
    """Reads a report up to its details, counting the lines that it passes."""

    def __init__(
        self, rows: Iterator[tuple[int, str]], options: dict[str, Any], named: naming.Named | None
    ) -> None:
        self.rows, self.options, self.named = rows, options, named
        self.passed = 0
        self.number = 0
        self.said: _Said | None = None
        headings = self._next()
        if "totalCount" in headings and "transactionId" not in headings:
            self.said = self._summary(headings)
            headings = self._next()
        self.headings_at = self.number
        self.headings = headings
        self.is_items = "transactionId" in headings or "transactionType" in headings
        # Only the transaction summary comes as a list without a section before it.
        may_list = self.said is not None or (named is not None and named.kind == "hub_summary")
        self.is_list = not self.is_items and may_list and "clearingBatchId" in headings
        known = self.is_items or self.is_list
        nothing = not any(headings) and self.said is not None and not self.said.count
        if not known and not nothing:
            code = "truncated" if self.said and not any(headings) else "not_this_layout"
            raise refuse(
                code, max(self.number, 1),
                "There are no headings of details (transactionId or clearingBatchId). "
                "Is this another file, or was it cut?",
            )  # fmt: skip
        _refuse_directions(headings, self.number)

    def _next(self) -> list[str]:
        """Return the headings or cells of the next line that is not blank; none at the end."""
        for number, text in self.rows:
            self.number = number
            self.passed += 1
            if text.strip(" ,\t"):
                if antom.is_end(text):
                    return [""]
                return antom.headings_of(text, self.options) or [text]
        return [""]

    def _summary(self, headings: list[str]) -> _Said:
        _refuse_directions(headings, self.number)
        places = Places.of(headings, self.number, _SUMMARY_NEED)
        for number, text in self.rows:
            self.number = number
            self.passed += 1
            if not text.strip(" ,\t"):
                continue
            try:
                cells = [*columns.checked_cells(antom.cells_of(text), places.width), ""]
                return self._stated(places, cells)
            except BadValue as error:
                raise refuse(error.code, number, str(error)) from None
        raise refuse(
            "truncated", self.number, "The summary has no row: the file was cut. Ask for it again."
        )

    def _stated(self, places: Places, cells: list[str]) -> _Said:
        for heading, wanted in (
            ("participantId", self.named and self.named.participant),
            ("participantAgreementId", self.named and self.named.agreement),
            ("settlementCurrency", self.named and self.named.currency),
        ):
            stated = cells[places.at(heading)]
            if wanted and stated and stated != wanted:
                raise BadValue(
                    "bad_value",
                    f"The name says {heading} {wanted}, the summary {stated[:64]!r}. "
                    "Is the file mixed up?",
                )
        currency = cells[places.at("settlementCurrency")]
        paid = antom.Money(self.options)[currency]
        batch = next((cells[places.at(name)] for name in _BATCHES if cells[places.at(name)]), "")
        if self.named and self.named.batch and batch:
            antom.agree(self.named, batch, currency)
        fee = None
        if any(cells[at] for at, _currency_at in places.fees):
            fee = -antom.sum_of_fees(cells, places.fees, paid, currency)
        value_date = cells[places.at("valueDate")]
        return _Said(
            self.number, batch, currency,
            columns.count_of(cells[places.at("totalCount")], "totalCount"),
            paid[cells[places.at("settlementAmountValue")]][0], fee,
            columns.date_of(value_date[:10], "valueDate") if value_date else None,
        )  # fmt: skip


def _refuse_directions(headings: list[str], number: int) -> None:
    directed = [name for name in headings if name.casefold().endswith("direction")]
    if directed:
        raise refuse(
            "bad_columns", number,
            f"The column {directed[0]!r} says which way the money goes, and this layout takes "
            "amounts that are signed. Agree them with the partner, or describe the file in "
            'the layout "mapped".',
        )  # fmt: skip


# -- reading -------------------------------------------------------------------------------


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a report; its lines stream."""
    name = options.get("name") or path.name
    named = _named(name)
    if named is not None and named.kind == "hub_fees":
        raise refuse(
            "not_this_layout", 0,
            "This is the fee report: its fees stand in the transaction details too. Leave it out "
            "of the feed's file names.",
        )  # fmt: skip
    rows = antom.Report(path, options)
    sections = _Sections(rows, options, named)
    with path.open("rb") as file:
        head = file.read(columns.LONGEST_LINE)
    is_summary = sections.is_list or bool(
        not sections.is_items and named and named.kind in ("hub_settlement", "hub_summary")
    )
    places = None
    if sections.is_items or sections.is_list:
        needed = antom.ITEMS_NEED if sections.is_items else _CLEARING_NEED
        places = Places.of(sections.headings, sections.headings_at, needed)
    day = antom.first_day(head, options) or (named.day_before_folder if named else None)
    if day is None and is_summary and sections.said is not None:
        day = sections.said.value_date
    if day is None:
        raise refuse(
            "bad_date", 0,
            "Nothing says of which day this file is: it has no payments, and its name has no day. "
            "Leave it in a folder called after the day it was made, as Alipay+ does.",
        )  # fmt: skip
    statement = Statement(
        identity=identify(name, head, options), period_from=day, period_to=day, lines=iter(()),
        records=sections.passed, others=sections.passed, is_summary=is_summary,
    )  # fmt: skip
    if named is not None and not named.is_empty_cycle:
        statement.sequence = named.sequence
        statement.sequence_of = " ".join(
            (KINDS[named.kind], named.participant, named.agreement, named.currency, named.batch)
        )
    if places is None:
        statement.lines = _nothing(statement, sections, rows)
    elif sections.is_list:
        statement.lines = _Clearings(statement, options, sections, places).lines(rows)
    else:
        statement.lines = _transactions(statement, options, sections, places, rows)
    return statement


def _nothing(
    statement: Statement, sections: _Sections, rows: Iterator[tuple[int, str]]
) -> Iterator[Line]:
    """Read a cycle in which nothing happened: a summary of 0 and no details."""
    said = sections.said
    if said is not None and said.net:
        _differs(Reading(statement), said, "net", said.net, 0)
    for number, text in rows:
        statement.records += 1
        statement.others += 1
        if text.strip(" ,\t") and not antom.is_end(text):
            raise refuse("bad_value", number, "There is a row after a summary of 0.")
    yield from ()


def _transactions(
    statement: Statement, options: dict[str, Any], sections: _Sections, places: Places,
    rows: antom.Report,
) -> Iterator[Line]:  # fmt: skip
    named, said = sections.named, sections.said
    batch_at = next((places.at(name) for name in _BATCHES if name in places.found), None)
    ref = (said.batch if said else "") or (named.batch if named else "")
    if batch_at is None and not ref:
        raise refuse(
            "bad_columns", sections.headings_at,
            "Nothing names the batch: no column clearingBatchId, no summary, no name.",
        )  # fmt: skip
    wanted = replace(
        named or naming.Named(""),
        # A settlement is named after itself; its rows may be of several clearing batches.
        batch=named.batch if named and named.kind == "hub_items" else "",
        currency=said.currency if said else named.currency if named else "",
    )
    # A clearing cycle is one day, and its report is made on the next: the folder says which.
    day = wanted.day_before_folder if wanted else None
    if day is not None:
        statement.period_from = statement.period_to = day
    if wanted is not None:
        statement.covers_currencies = {wanted.currency}
    items = Items(
        statement, options, places, batch_at=batch_at, ref=ref, named=wanted, widens=day is None
    )
    yield from items.lines(rows)
    if said is None:
        items.check_closed()
        return
    if said.value_date:
        for batch in statement.batches:
            batch.value_date = batch.value_date or said.value_date
    _prove(items.reading, said, "transactions", declared=True)


def _prove(reading: Reading, said: _Said, rows: str, *, declared: bool) -> None:
    """Compare the summary section with all rows; a row that was refused explains a difference.

    ``declared``: where there is one batch, the summary is what it declares.
    """
    if reading.bad_rows:
        return
    whole = Tally()
    for tally in reading.tallies:
        whole.count += tally.count
        whole.fee += tally.fee
        whole.net += tally.net
    if said.count != whole.count:
        reading.error(
            "count_differs", said.line_no,
            f"totalCount is {said.count}, but the file has {whole.count} {rows}. "
            "Ask the partner for a corrected file.",
        )  # fmt: skip
    if said.net != whole.net:
        _differs(reading, said, "net", said.net, whole.net)
    if said.fee is not None and said.fee != whole.fee:
        _differs(reading, said, "fee", said.fee, whole.fee)
    if declared and len(reading.statement.batches) == 1:
        batch = reading.statement.batches[0]
        batch.declared_count, batch.declared_net_minor = said.count, said.net
        if said.fee is not None:
            batch.declared_fee_minor = said.fee
            batch.declared_gross_minor = said.net + said.fee


def _differs(reading: Reading, said: _Said, word: str, stated: int, found: int) -> None:
    reading.error(
        "total_differs", said.line_no,
        f"The summary states {word} {from_minor(stated, said.currency)} {said.currency}, the rows "
        f"add up to {from_minor(found, said.currency)}.{antom.hundredfold(stated, found)} "
        "Ask the partner for a corrected file.",
    )  # fmt: skip


class _Clearings:
    """Reads a list of clearing batches, which other files bring the transactions of."""

    def __init__(
        self, statement: Statement, options: dict[str, Any], sections: _Sections, places: Places
    ) -> None:
        self.statement, self.said = statement, sections.said
        self.reading = Reading(statement)
        self.money = antom.Money(options)
        self.wallet = options.get("wallet") or "alipay"
        self.places = places
        self.order = [places.at(name) for name in (*_CLEARING_NEED, "count")]
        self.closed = False

    def lines(self, rows: Iterator[tuple[int, str]]) -> Iterator[Line]:
        yield from self.reading.each(rows, self.take)
        if self.said is not None:
            _prove(self.reading, self.said, "clearing batches", declared=False)

    def take(self, number: int, text: str) -> Line | None:
        if not text.strip(" ,\t"):
            return None
        if self.closed:
            raise BadValue("bad_value", "There is a row after <END>, which closes the file.")
        if antom.is_end(text):
            self.closed = True
            return None
        cells = [*columns.checked_cells(antom.cells_of(text), self.places.width), ""]
        ref, currency, amount, count = (cells[position] for position in self.order)
        columns.id_of(ref, "clearingBatchId")
        if self.said is not None and currency != self.said.currency:
            raise BadValue(
                "bad_value",
                f"The summary is in {self.said.currency}, this row in {currency[:10]!r}.",
            )
        if (ref, currency) in self.reading.known:
            raise BadValue("bad_value", f"Clearing batch {ref} is listed twice.")
        paid = self.money[currency]
        net = paid[amount]
        fee = -antom.sum_of_fees(cells, self.places.fees, paid, currency)
        index = self.reading.batch((ref, currency), ref, self.wallet, currency)
        batch = self.statement.batches[index]
        batch.declared_net_minor, batch.declared_fee_minor = net[0], fee
        batch.declared_gross_minor = net[0] + fee
        batch.declared_count = columns.count_of(count, "count") if count else None
        batch.value_date = self.said.value_date if self.said else None
        gross = (net[0] + fee, str(net[0] + fee))
        return self.reading.line(
            number, index, self.wallet, NOT_A_PAYMENT, ref, "", currency, gross, currency, gross,
            (fee, str(fee)), net, "", "", "", "",
        )  # fmt: skip


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return a clearing batch: the day of its cycle, and a number."""
    return f"{day:%Y%m%d}{number:011d}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write clearing details, or the settlement where the path is called settlement_...

    The summary declares the sums of all wallets, in one currency. Returns the line number of
    each sheet line; in a settlement, of the clearing batch that it is part of.
    """
    named = _named(path.name)
    currencies = {batch.currency for batch in sheet.batches}
    if len(currencies) > 1:
        raise CannotWrite(f"One file has one currency, not {', '.join(sorted(currencies))}.")
    currency = next(iter(currencies), named.currency if named else "EUR")
    with columns.TextFile(path) as file:
        if named is not None and named.kind == "hub_settlement":
            return _write_settlement(file, sheet, options, named, currency)
        ref = sheet.batches[0].ref if sheet.batches else named.batch if named else ""
        whole = columns.tallies_of(sheet)
        _put_summary(
            file, sheet, options, named, currency, {"clearingBatchId": ref}, len(sheet.lines),
            sum(tally.gross - tally.fee for tally in whole), sum(tally.fee for tally in whole),
        )  # fmt: skip
        headings = ["clearingBatchId", *antom.WRITTEN]
        file.put(",".join(headings))
        numbers = []
        for line in sheet.lines:
            cells = antom.item(sheet, line, options)
            cells["clearingBatchId"] = sheet.batches[line.batch].ref
            numbers.append(file.put(antom.row_text([cells.get(name, "") for name in headings])))
    return numbers


def _put_summary(
    file: columns.TextFile, sheet: Sheet, options: dict[str, Any], named: naming.Named | None,
    currency: str, batch: dict[str, str], count: int, net: int, fee: int,
) -> None:  # fmt: skip
    unit = antom.unit_of(options)
    value_date = sheet.batches[0].value_date if sheet.batches else None
    cells = {
        **batch,
        "participantId": named.participant if named else "",
        "participantAgreementId": named.agreement if named else "",
        "settlementCurrency": currency, "valueDate": str(value_date or ""),
        "totalCount": str(count), "settlementAmountValue": antom.amount_text(net, currency, unit),
        "feeAmountValue": antom.amount_text(-fee, currency, unit), "feeCurrency": currency,
    }  # fmt: skip
    headings = [*batch, *_SUMMARY_WRITTEN]
    file.put(",".join(headings))
    file.put(antom.row_text([cells[name] for name in headings]))
    file.put("")


def _write_settlement(
    file: columns.TextFile, sheet: Sheet, options: dict[str, Any], named: naming.Named,
    currency: str,
) -> list[int]:  # fmt: skip
    unit = antom.unit_of(options)
    sums = {batch.ref: Tally() for batch in sheet.batches}
    for line in sheet.lines:
        sums[sheet.batches[line.batch].ref].add(
            int(line.settled_gross), int(line.fee), int(line.net)
        )
    _put_summary(
        file, sheet, options, named, currency, {"settlementBatchId": named.batch}, len(sums),
        sum(tally.net for tally in sums.values()) + sheet.misstate_minor,
        sum(tally.fee for tally in sums.values()),
    )  # fmt: skip
    file.put(",".join(_CLEARING_WRITTEN))
    numbers = {}
    for ref, tally in sums.items():
        numbers[ref] = file.put(antom.row_text([
            ref, currency, str(tally.count), antom.amount_text(tally.net, currency, unit),
            antom.amount_text(-tally.fee, currency, unit), currency,
        ]))  # fmt: skip
    return [numbers[sheet.batches[line.batch].ref] for line in sheet.lines]
