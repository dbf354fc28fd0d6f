"""Vipps SettlementReport XML, version 3.0.

Source, public: the schema SettlementReport-3.0.xsd, the guide and the sample files that
Vipps published in its developers' repository (settlements/, downloads/settlements/).
The report is UTF-8 XML in the namespace :data:`NAMESPACE`::

    SettlementReport
      SettlementDetailsInfo*      one per sale unit; SerialNumber (MSN) is our store reference
        PaymentsInfo*             ReportDateFrom, ReportDateTo, one currency
          SettlementInfo*         one payout: SettlementID, type Net or Gross, declared sums
            TransactionInfo*      one capture or refund

Signs: capture +, refund -, gross = capture + refund; a fee is + when charged; net = gross -
fee. All of these, the sums and the count are proved; SettledAmount is net for a settlement
of type Net and gross for Gross. A settlement number is unique only within its sale unit, so
a batch is called ``<msn>-<settlement id>``. TransactionID is the id of a line (the schema
says long; it is kept as text). OrderID may be empty and may repeat: it is the merchant's
reference, never an identity. Fraction digits of TransactionTime vary and are kept.

The report names itself by period and, where present, ReportReferenceNum, else by its first
settlement; with the option ``report_number_per_unit`` the number is taken to run per sale
unit. A report without ReportReferenceNum comes, like the published samples, for one unit.

It cannot carry: another currency than the sale's, the refund's original, rows that are no
payments, a period without any line. A repeated settlement of one unit, a missing, wrong or
repeated row, a cut file and a lying sum can all be shown.

Reading: rows written the plain way are cut out by one pattern and the rest of the document,
with a marker where rows stood, goes through lxml, so that structure, namespaces and
well-formedness are judged by a real parser; a row in any other shape goes through lxml whole.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from portal.core.money import from_minor
from wallets.formats import columns
from wallets.formats.columns import Amounts, BadValue, CannotWrite, Reading, Tally
from wallets.formats.statement import (
    NOT_A_PAYMENT,
    REFUND,
    SALE,
    Batch,
    Line,
    Sheet,
    Statement,
    refuse,
)  # fmt: skip

NAMESPACE = "http://vipps.no/xmlschema/SettlementReport-3.0.xsd"
BATCH_BY = ("store", "currency")
"""One settlement holds lines of one store and currency."""

_CHUNK = 1 << 20
_HEAD = 64 * 1024
_ENCODINGS = {"utf-8", "us-ascii", "ascii"}
_MARKER = "onestile-rows"

_FIELDS = (
    ("TransactionTime", r"([0-9T:.+\-]++)"),
    ("TransactionCaptureAmount", r"([0-9.\-]++)"),
    ("TransactionRefundAmount", r"([0-9.\-]++)"),
    ("TransactionGrossAmount", r"([0-9.\-]++)"),
    ("TransactionNetAmount", r"([0-9.\-]++)"),
    ("TransactionFeeAmount", r"([0-9.\-]++)"),
    ("SettlementCurrencyCode", r"([A-Z]{3})"),
    ("TransactionID", r"([0-9A-Za-z_\-]{1,64}+)"),
)
_ROW_END = "</TransactionInfo>"
# Printable ASCII without markup: anything else is left to lxml.
_ORDER = r"(?:<OrderID>([ !-%'-;=?-~]*+)</OrderID>|<OrderID ?/>)"


def _row_pattern(space: str) -> re.Pattern[str]:
    fields = [f"<{name}>{value}</{name}>" for name, value in _FIELDS]
    inner = space.join(["<TransactionInfo>", *fields, _ORDER, _ROW_END])
    return re.compile(inner + r"(\s*+)", re.ASCII)


_CLOSE_ROW = _row_pattern("")
_SPACED_ROW = _row_pattern(r"\s*+")

_Row = tuple[int, tuple[str, ...]]


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


_REPORT, _UNIT, _PAYMENTS, _SETTLEMENT, _TRANSACTION, _FEE = map(
    _tag,
    ("SettlementReport", "SettlementDetailsInfo", "PaymentsInfo", "SettlementInfo",
     "TransactionInfo", "FeeInfo"),
)  # fmt: skip


# -- the name of a report ------------------------------------------------------------------


def _first(name: str, head: str) -> str:
    found = re.search(rf"<(?:[\w.\-]+:)?{name}\s*>\s*([^<]*?)\s*<", head)
    return found[1] if found else ""


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return the partner's own name of a report: period and report number."""
    text = head.decode("utf-8-sig", "replace")
    period = f"{_first('ReportDateFrom', text)}..{_first('ReportDateTo', text)}"
    number = _first("ReportReferenceNum", text)
    unit = _first("SerialNumber", text)
    if period == "..":
        return Path(name).stem
    if not number:
        return f"{period} {unit}-{_first('SettlementID', text)}"
    return f"{period} {unit}-{number}" if options.get("report_number_per_unit") else (
        f"{period} {number}"
    )  # fmt: skip


# -- reading -------------------------------------------------------------------------------


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a report; its lines stream, memory stays flat.

    The period is that of the first sale unit and is widened, while the lines stream, by
    units that report more days.
    """
    columns.check_size(path, options)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    _check_head(head)
    _check_tail(path)
    text = head.decode("utf-8-sig", "replace")
    try:
        period_from = columns.date_of(_first("ReportDateFrom", text), "ReportDateFrom")
        period_to = columns.date_of(_first("ReportDateTo", text), "ReportDateTo")
    except BadValue as error:
        raise refuse(error.code, 0, f"{error} The report must begin with its period.") from None
    statement = Statement(
        identity=identify(path.name, head, options),
        period_from=period_from, period_to=period_to, lines=iter(()),
    )  # fmt: skip
    statement.lines = _Reader(statement, options).lines(path)
    return statement


def _check_head(head: bytes) -> None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
        raise refuse("bad_encoding", 1, "The report is not UTF-8. Ask the partner for UTF-8.")
    if not start:
        raise refuse("empty", 0, "The file is blank. Ask the partner to send it again.")
    if not start.startswith(b"<") or NAMESPACE.encode() not in head:
        raise refuse(
            "not_this_layout", 1,
            "This is no Vipps settlement report of version 3.0. Was it left in the wrong folder?",
        )  # fmt: skip
    if b"<!DOCTYPE" in head:
        raise refuse(
            "not_this_layout", 1, "A report never has a DOCTYPE. Ask the partner where it is from."
        )
    declared = re.match(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)", start)
    if declared and declared[1].decode("ascii", "replace").lower() not in _ENCODINGS:
        raise refuse("bad_encoding", 1, "The report is not UTF-8. Ask the partner for UTF-8.")


def _check_tail(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        tail = file.read().rstrip()
    if not re.search(rb"</([\w.\-]+:)?SettlementReport\s*>(\s*<!--.*-->)*$", tail, re.DOTALL):
        raise refuse(
            "truncated", 0, "The report ends before its last tag. Ask the partner to send it again."
        )


@dataclass
class _Open:
    """The settlement whose rows are passing by."""

    element: Any
    batch: Batch
    index: int
    store: str
    amounts: Amounts
    tally: Tally
    capture: int = 0
    refund: int = 0


class _Reader:
    def __init__(self, statement: Statement, options: dict[str, Any]) -> None:
        self.statement = statement
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "vipps"
        self.zone = columns.zone_of(options, "Europe/Oslo")
        self.runs: deque[tuple[int, list[_Row]]] = deque()
        self.run_numbers = 0
        self.open: _Open | None = None
        self.last_no = 0
        self.by_currency: dict[str, Amounts] = {}

    def lines(self, path: Path) -> Iterator[Line]:
        parser = etree.XMLPullParser(
            events=("end",),
            tag=(_TRANSACTION, _SETTLEMENT, _PAYMENTS, _UNIT, _FEE),
            resolve_entities=False, no_network=True, huge_tree=False,
        )  # fmt: skip
        try:
            for piece in self._skeleton(path):
                parser.feed(piece)
                yield from self._events(parser)
            root = parser.close()
            yield from self._events(parser)
        except etree.XMLSyntaxError as error:
            line_no = error.lineno or 0
            said = (error.msg or "").partition(", line")[0]
            code = "bad_encoding" if "encoding" in said.lower() else "not_this_layout"
            raise refuse(
                code, line_no, f"The report is not well-formed XML: {said}. Ask for a new one."
            ) from None
        if root.tag != _REPORT:
            raise refuse(
                "not_this_layout", 1, f"A report begins with SettlementReport, not {root.tag}."
            )
        if not self.statement.batches:
            raise refuse("empty", 0, "The report has no settlement. Ask the partner about it.")

    def _skeleton(self, path: Path) -> Iterator[bytes]:
        """Yield the document with every run of plain rows replaced by one marker."""
        line, carry, pattern = 1, "", None
        with path.open("rb") as file:
            while True:
                chunk = file.read(_CHUNK)
                # Latin-1 keeps every byte one to one; rows taken here are pure ASCII.
                text = carry + chunk.decode("latin-1")
                if _MARKER in text:
                    raise refuse("not_this_layout", line, "The report has a reserved word in it.")
                cut = text.rfind(_ROW_END) + len(_ROW_END) if _ROW_END in text else 0
                if not chunk or (not cut and len(text) > _HEAD) or len(text) - cut > _HEAD:
                    cut = len(text)
                if pattern is None or not cut:
                    close = "<TransactionInfo><TransactionTime>" in text
                    pattern = _CLOSE_ROW if close else _SPACED_ROW
                out, line = self._cut_rows(text, cut, pattern, line)
                yield "".join(out).encode("latin-1")
                if not chunk:
                    return
                carry = text[cut:]

    def _cut_rows(
        self, text: str, cut: int, pattern: re.Pattern[str], line: int
    ) -> tuple[list[str], int]:
        out: list[str] = []
        position = 0
        rows: list[_Row] | None = None
        breaks = 0
        for found in pattern.finditer(text, 0, cut):
            start = found.start()
            if rows is None or start != position:
                between = text[position:start]
                line += between.count("\n")
                rows = []
                self.run_numbers += 1
                out += ("\n" * breaks, between,
                        f'<TransactionInfo {_MARKER}="{self.run_numbers}"/>')  # fmt: skip
                self.runs.append((self.run_numbers, rows))
                breaks = 0
            rows.append((line, found.groups()))
            space = found[10]
            added = 1 if space == "\n" and pattern is _CLOSE_ROW else found[0].count("\n")
            line += added
            breaks += added
            position = found.end()
        between = text[position:cut]
        out += ("\n" * breaks, between)
        return out, line + between.count("\n")

    def _events(self, parser: Any) -> Iterator[Line]:
        for _event, element in parser.read_events():
            tag = element.tag
            if tag == _TRANSACTION:
                yield from self._rows(element)
            elif tag == _SETTLEMENT:
                self._close(element)
            elif tag == _FEE:
                self.statement.records += 1
                self.statement.others += 1
            else:
                if tag == _UNIT:
                    element.clear(keep_tail=True)
                while (before := element.getprevious()) is not None and before.tag == tag:
                    element.getparent().remove(before)

    # -- a settlement

    def _opened(self, element: Any) -> _Open:
        """Return the settlement that an element stands in, reading its head once."""
        settlement = element if element.tag == _SETTLEMENT else element.getparent()
        if self.open is not None and self.open.element is settlement:
            return self.open
        payments = settlement.getparent()
        unit = None if payments is None else payments.getparent()
        if settlement.tag != _SETTLEMENT or unit is None or unit.tag != _UNIT:
            raise refuse(
                "not_this_layout", element.sourceline or 0,
                "A TransactionInfo stands outside a SettlementInfo of a SettlementDetailsInfo.",
            )  # fmt: skip
        try:
            store = columns.id_of(_child(unit, "SerialNumber"), "SerialNumber")
            number = columns.id_of(_child(settlement, "SettlementID"), "SettlementID")
            currency = _child(settlement, "SettlementCurrencyCode") or _child(
                payments, "SettlementCurrencyCode"
            )
            if currency not in self.by_currency:
                self.by_currency[currency] = Amounts(currency)
            batch = Batch(
                ref=f"{store}-{number}", wallet=self.wallet, currency=currency,
                value_date=columns.date_of(_child(settlement, "SettlementDate"), "SettlementDate"),
            )  # fmt: skip
            begins = columns.date_of(_child(payments, "ReportDateFrom"), "ReportDateFrom")
            ends = columns.date_of(_child(payments, "ReportDateTo"), "ReportDateTo")
            if ends < begins:
                raise BadValue("bad_date", f"The report ends on {ends}, before it begins.")
        except BadValue as error:
            raise refuse(error.code, settlement.sourceline or 0, str(error)) from None
        statement = self.statement
        statement.period_from = min(statement.period_from, begins)
        statement.period_to = max(statement.period_to, ends)
        statement.batches.append(batch)
        self.open = _Open(
            settlement, batch, len(statement.batches) - 1, store,
            self.by_currency[currency], Tally(),
        )  # fmt: skip
        return self.open

    def _close(self, element: Any) -> None:
        """Prove what a settlement declares, then let go of it."""
        now = self._opened(element)
        self.open = None
        self.statement.records += 1
        batch, tally = now.batch, now.tally
        said: dict[str, tuple[str, int]] = {}
        for child in element:
            if isinstance(child.tag, str):
                name = etree.QName(child).localname
                said[name] = ((child.text or "").strip(), child.sourceline or 0)
        line_no = said.get("NumOfTransactions", ("", element.sourceline or 0))[1]
        errors = len(self.statement.problems)
        try:
            batch.declared_count = _count(said.get("NumOfTransactions", ("", 0))[0])
            declared = {
                name: now.amounts[_needed(said, f"{name}SettlementAmount")][0]
                for name in ("Capture", "Refund", "Gross", "Net", "Fee")
            }
            kind = _needed(said, "SettlementType")
            if kind not in ("Net", "Gross"):
                raise BadValue("unknown_type", f"SettlementType {kind!r} is neither Net nor Gross.")
            settled = now.amounts[_needed(said, "SettledAmount")][0]
        except BadValue as error:
            self.reading.error(error.code, line_no, str(error))
        else:
            batch.declared_gross_minor = declared["Gross"]
            batch.declared_fee_minor = declared["Fee"]
            batch.declared_net_minor = declared["Net"]
            self.reading.prove(batch, tally, line_no)
            for word, stated, found in (
                ("captures of", declared["Capture"], now.capture),
                ("refunds of", declared["Refund"], now.refund),
                (f"a {kind} settlement of", settled, declared[kind]),
            ):
                if stated != found:
                    self.reading.error(
                        "total_differs", line_no,
                        f"{batch.ref} declares {word} {from_minor(stated, batch.currency)} "
                        f"{batch.currency}, but they are {from_minor(found, batch.currency)}. "
                        "Ask the partner for a corrected file.",
                    )  # fmt: skip
        if len(self.statement.problems) == errors:
            self.statement.others += 1
        element.clear(keep_tail=True)
        while (before := element.getprevious()) is not None and before.tag == _SETTLEMENT:
            element.getparent().remove(before)

    # -- rows

    def _rows(self, element: Any) -> Iterator[Line]:
        now = self._opened(element)
        marker = element.get(_MARKER)
        if marker is None:
            order = _child(element, "OrderID")
            values = [_child(element, name) for name, _pattern in _FIELDS]
            rows = [(element.sourceline or 0, (*values, order))]
        else:
            # Rows inside a comment have lost their marker: they are no rows.
            number = int(marker)
            while self.runs[0][0] != number:
                self.runs.popleft()
            rows = self.runs.popleft()[1]
        while (before := element.getprevious()) is not None and before.tag == _TRANSACTION:
            element.getparent().remove(before)
        statement, amounts, tally = self.statement, now.amounts, now.tally
        currency, store, index, wallet = now.batch.currency, now.store, now.index, self.wallet
        last_no = self.last_no
        make = tuple.__new__
        for line_no, row in rows:
            time, capture, refund, gross, net, fee, code, ref, order = row[:9]
            # Rows that share a physical line are counted on from it.
            last_no = line_no if line_no > last_no else last_no + 1
            statement.records += 1
            try:
                captured, refunded = amounts[capture][0], amounts[refund][0]
                gross_minor, gross_text = amounts[gross]
                fee_minor, fee_text = amounts[fee]
                net_minor, net_text = amounts[net]
                if captured + refunded != gross_minor or gross_minor - fee_minor != net_minor:
                    raise BadValue(
                        "bad_amount",
                        f"{ref}: gross {gross} is not capture {capture} and refund {refund}, "
                        f"or net {net} is not gross less fee {fee}.",
                    )
                if captured < 0 or refunded > 0:
                    raise BadValue(
                        "bad_amount", f"{ref}: a capture is never below zero, a refund never above."
                    )
                if code != currency:
                    raise BadValue(
                        "bad_value", f"{ref} is in {code!r} inside a settlement in {currency}."
                    )
                instant = self._instant(time)
                if marker is None:
                    columns.id_of(ref, "TransactionID")
                    order = columns.text_of(order, "OrderID")
            except BadValue as error:
                self.reading.bad_row(error, last_no)
                continue
            tally.count += 1
            tally.gross += gross_minor
            tally.fee += fee_minor
            tally.net += net_minor
            now.capture += captured
            now.refund += refunded
            kind = SALE if gross_minor > 0 else REFUND if gross_minor < 0 else NOT_A_PAYMENT
            yield make(
                Line,
                (last_no, index, wallet, kind, ref, store, currency, gross_text, currency,
                 gross_text, fee_text, net_text, "", order or "", instant, ""),
            )  # fmt: skip
        self.last_no = last_no

    def _instant(self, text: str) -> str:
        if len(text) > 24 and text[10] == "T" and text[-3] == ":" and text[13] == text[16] == ":":
            try:
                # The offset is there, so the text is already what a caller gets.
                datetime.fromisoformat(text)
            except ValueError:
                pass
            else:
                return text
        return columns.instant_of(text, "TransactionTime", self.zone)


def _child(element: Any, name: str) -> str:
    return (element.findtext(_tag(name)) or "").strip()


def _needed(said: dict[str, tuple[str, int]], name: str) -> str:
    if name not in said:
        raise BadValue("bad_columns", f"The settlement has no {name}.")
    return said[name][0]


def _count(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) is None:
        raise BadValue("bad_value", f"NumOfTransactions {text[:40]!r} is not a whole number.")
    return int(text)


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return the reference of one store's settlement: numbers start at 2000001 per unit."""
    return f"{store}-{2_000_000 + number}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a report, one row a physical line; return the line number of each sheet line.

    A batch is called ``<msn>-<settlement id>`` and holds lines of that store and currency.
    """
    if not sheet.lines:
        raise CannotWrite("A Vipps report has at least one transaction.")
    numbers = [0] * len(sheet.lines)
    members: list[list[int]] = [[] for _batch in sheet.batches]
    for position, line in enumerate(sheet.lines):
        members[line.batch].append(position)
    written = 0
    misstate = sheet.misstate_minor

    with path.open("w", encoding="utf-8", newline="\n") as file:

        def put(text: str) -> None:
            nonlocal written
            file.write(text + "\n")
            written += 1

        put('<?xml version="1.0" encoding="UTF-8"?>')
        put(f'<SettlementReport xmlns="{NAMESPACE}">')
        filled = [index for index in range(len(sheet.batches)) if members[index]]
        for store, indexes in groupby(filled, lambda i: sheet.batches[i].ref.rpartition("-")[0]):
            put("<SettlementDetailsInfo>")
            put(
                f"<SaleUnitName>Sale unit {escape(store)}</SaleUnitName>"
                f"<SerialNumber>{escape(store)}</SerialNumber>"
                "<OrganizationName>Alliance</OrganizationName>"
                "<OrganizationNumber>999999999</OrganizationNumber>"
                "<MainAddress></MainAddress><MainAddressZipCode></MainAddressZipCode>"
                "<MainAddressCity></MainAddressCity><MainAddressCountryCode></MainAddressCountryCode>"
            )
            for currency, of_currency in groupby(indexes, lambda i: sheet.batches[i].currency):
                put(
                    f"<PaymentsInfo><ReportDateFrom>{sheet.period_from}</ReportDateFrom>"
                    f"<ReportDateTo>{sheet.period_to}</ReportDateTo>"
                    f"<SettlementCurrencyCode>{currency}</SettlementCurrencyCode>"
                    f"<ReportReferenceNum>{sheet.number}</ReportReferenceNum>"
                    "<SettlementAccountNum>15030000001</SettlementAccountNum>"
                )
                settlements = 0
                for index in of_currency:
                    batch = sheet.batches[index]
                    put(
                        "<SettlementInfo>"
                        f"<SettlementDate>{batch.value_date or sheet.made_on}</SettlementDate>"
                        f"<SettlementID>{batch.ref.rpartition('-')[2]}</SettlementID>"
                        f"<SettlementCurrencyCode>{currency}</SettlementCurrencyCode>"
                        "<SettlementType>Net</SettlementType>"
                    )
                    lines = [sheet.lines[position] for position in members[index]]
                    for position, line in zip(members[index], lines, strict=True):
                        put(_row(line, store, currency))
                        numbers[position] = written
                    put(_sums(lines, currency, misstate))
                    misstate = 0
                    settlements += 1
                put(f"<NumOfSettlements>{settlements}</NumOfSettlements></PaymentsInfo>")
            put("</SettlementDetailsInfo>")
        put(
            "<VippsInfo><Name>Vipps</Name><WebSite>https://vipps.no</WebSite>"
            "<VisitingAddress></VisitingAddress><PostBox></PostBox><PostAddress></PostAddress>"
            "<Country>NOR</Country></VippsInfo>"
        )
        put("</SettlementReport>")
    return numbers


def _row(line: Line, store: str, currency: str) -> str:
    if line.store != store or line.currency != currency or line.settled_currency != currency:
        raise CannotWrite(f"{line.ref}: a settlement has one sale unit and one currency.")
    gross = int(line.gross)
    if line.kind == NOT_A_PAYMENT and gross:
        raise CannotWrite(f"{line.ref}: the report has only captures and refunds.")
    if not line.occurred_at:
        raise CannotWrite(f"{line.ref}: the report needs the time of every transaction.")
    zero = from_minor(0, currency)
    text = from_minor(gross, currency)
    return (
        f"<TransactionInfo><TransactionTime>{line.occurred_at}</TransactionTime>"
        f"<TransactionCaptureAmount>{text if gross > 0 else zero}</TransactionCaptureAmount>"
        f"<TransactionRefundAmount>{text if gross < 0 else zero}</TransactionRefundAmount>"
        f"<TransactionGrossAmount>{text}</TransactionGrossAmount>"
        f"<TransactionNetAmount>{from_minor(int(line.net), currency)}</TransactionNetAmount>"
        f"<TransactionFeeAmount>{from_minor(int(line.fee), currency)}</TransactionFeeAmount>"
        f"<SettlementCurrencyCode>{currency}</SettlementCurrencyCode>"
        f"<TransactionID>{escape(line.ref)}</TransactionID>"
        f"<OrderID>{escape(line.merchant_ref)}</OrderID></TransactionInfo>"
    )


def _sums(lines: list[Line], currency: str, misstate: int) -> str:
    grosses = [int(line.gross) for line in lines]
    gross, net = sum(grosses), sum(int(line.net) for line in lines)
    sums = {
        "CaptureSettlementAmount": sum(minor for minor in grosses if minor > 0),
        "RefundSettlementAmount": sum(minor for minor in grosses if minor < 0),
        "GrossSettlementAmount": gross + misstate,
        "NetSettlementAmount": net,
        "FeeSettlementAmount": sum(int(line.fee) for line in lines),
        "SettledAmount": net,
    }
    return f"<NumOfTransactions>{len(lines)}</NumOfTransactions>" + "".join(
        f"<{name}>{from_minor(minor, currency)}</{name}>" for name, minor in sums.items()
    ) + "</SettlementInfo>"  # fmt: skip
