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

Reading: what is written the plain way is cut out by patterns, whole sale units where one
settlement has all its elements in the schema's order, else runs of rows. The rest of the
document, with an empty marker where something was cut, goes through lxml, so that structure,
namespaces and well-formedness are judged by a real parser; a row in any other shape goes
through lxml whole.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from portal.core.money import from_minor
from wallets.formats import columns
from wallets.formats.columns import Amounts, BadValue, CannotWrite, Money, Reading, Tally
from wallets.formats.statement import (
    NOT_A_PAYMENT,
    REFUND,
    SALE,
    Batch,
    Line,
    Room,
    Sheet,
    Statement,
    refuse,
)  # fmt: skip

NAMESPACE = "http://vipps.no/xmlschema/SettlementReport-3.0.xsd"
BATCH_BY = ("store", "currency")
"""One settlement holds lines of one store and currency."""
ROOM = Room(other_movements=False, originals=False)

_CHUNK = 1 << 20
_HEAD = 64 * 1024
_ENCODINGS = {"utf-8", "us-ascii", "ascii"}
_MARKER = "onestile-rows"

_AMOUNT = r"([0-9.\-]++)"
_FIELDS = (
    (
        "TransactionTime",
        r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?+"
        r"[+-][0-9]{2}:[0-9]{2})",
    ),
    ("TransactionCaptureAmount", _AMOUNT),
    ("TransactionRefundAmount", _AMOUNT),
    ("TransactionGrossAmount", _AMOUNT),
    ("TransactionNetAmount", _AMOUNT),
    ("TransactionFeeAmount", _AMOUNT),
    ("SettlementCurrencyCode", r"([A-Z]{3})"),
    ("TransactionID", r"([0-9A-Za-z_\-]{1,64}+)"),
)
_ROW_END = "</TransactionInfo>"
_UNIT_END = "</SettlementDetailsInfo>"
# Printable ASCII without markup: anything else is left to lxml.
_PLAIN = r"([ !-%'-;=?-~]*+)"
_SKIPPED = r"[^<>&\x00-\x1f]*+"
_ORDER = rf"(?:<OrderID>{_PLAIN}</OrderID>|<OrderID ?/>)"

_UNIT_FACTS = ("SerialNumber",)
_PAYMENTS_FACTS = ("ReportDateFrom", "ReportDateTo", "SettlementCurrencyCode")
_ADDRESS = ("OrganizationName", "OrganizationNumber", "MainAddress", "MainAddressZipCode",
            "MainAddressCity", "MainAddressCountryCode")  # fmt: skip
_OPENING_FACTS = ("SettlementDate", "SettlementID", "SettlementCurrencyCode")
_CLOSING_FACTS = (
    "SettlementType", "NumOfTransactions", "CaptureSettlementAmount", "RefundSettlementAmount",
    "GrossSettlementAmount", "NetSettlementAmount", "FeeSettlementAmount", "SettledAmount",
)  # fmt: skip


def taken(*names: str) -> list[str]:
    """Return patterns of elements whose text is a fact."""
    return [f"<{name}>{_PLAIN}</{name}>" for name in names]


def passed(*names: str) -> list[str]:
    """Return patterns of elements that may stand there and are not read."""
    return [rf"(?:<{name}>{_SKIPPED}</{name}>)?+" for name in names]


@dataclass(frozen=True)
class Version:
    """A version of the report: its names, and the patterns of what is written the plain way.

    ``fields`` are the elements of a row before OrderID, each with the pattern of its text;
    ``opens`` and ``closes`` are the patterns of a whole sale unit before and behind its rows.
    """

    number: str
    namespace: str
    fields: tuple[tuple[str, str], ...]
    opening_facts: tuple[str, ...]
    closing_facts: tuple[str, ...]
    opens: tuple[str, ...]
    closes: tuple[str, ...]

    def tag(self, name: str) -> str:
        return f"{{{self.namespace}}}{name}"

    def row(self, space: str) -> re.Pattern[str]:
        fields = [f"<{name}>{value}</{name}>" for name, value in self.fields]
        return re.compile(
            space.join(["<TransactionInfo>", *fields, _ORDER, _ROW_END]) + r"(\s*+)", re.ASCII
        )


Row = tuple[int, tuple[Any, ...]]


@dataclass(slots=True)
class WholeUnit:
    """A sale unit that was cut out: the facts before and after its rows, with their lines."""

    line_no: int
    opening: tuple[str, ...]
    rows: list[Row]
    closing_line_no: int
    closing: tuple[str, ...]


_VERSION = Version(
    "3.0", NAMESPACE, _FIELDS, _OPENING_FACTS, _CLOSING_FACTS,
    opens=(
        "<SettlementDetailsInfo>", *passed("SaleUnitName"), *taken(*_UNIT_FACTS),
        *passed(*_ADDRESS),
        "<PaymentsInfo>", *taken(*_PAYMENTS_FACTS),
        *passed("ReportReferenceNum", "SettlementAccountNum"),
        "<SettlementInfo>", *taken(*_OPENING_FACTS), *taken("SettlementType"), "",
    ),
    closes=(
        "", *taken(*_CLOSING_FACTS[1:]), "</SettlementInfo>", *passed("NumOfSettlements"),
        "</PaymentsInfo>", _UNIT_END,
    ),
)  # fmt: skip


# -- the name of a report ------------------------------------------------------------------


def _first(name: str, head: str) -> str:
    found = re.search(rf"<(?:[\w.\-]+:)?{name}\s*>\s*([^<]*?)\s*<", head)
    return found[1] if found else ""


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return the partner's own name of a report: period and report number."""
    text = head.decode("utf-8-sig", "replace")
    # Version 2.0 writes a time behind the day.
    days = [_first(name, text)[:10] for name in ("ReportDateFrom", "ReportDateTo")]
    period = "..".join(days)
    number = _first("ReportReferenceNum", text)
    unit = _first("SerialNumber", text)
    if period == ".." or "\0" in text:
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
    return begin(path, options, ReportReader)


def begin(path: Path, options: dict[str, Any], reader: type[ReportReader]) -> Statement:
    """Return the statement of a report in the version of its reader."""
    columns.check_size(path, options)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    _check_head(head, reader.version)
    _check_tail(path)
    text = head.decode("utf-8-sig", "replace")
    try:
        period_from = reader.day_of(_first("ReportDateFrom", text), "ReportDateFrom")
        period_to = reader.day_of(_first("ReportDateTo", text), "ReportDateTo")
    except BadValue as error:
        raise refuse(error.code, 0, f"{error} The report must begin with its period.") from None
    statement = Statement(
        identity=identify(path.name, head, options),
        period_from=period_from, period_to=period_to, lines=iter(()),
    )  # fmt: skip
    statement.lines = reader(statement, options).lines(path)
    return statement


def _check_head(head: bytes, version: Version) -> None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
        raise refuse("bad_encoding", 1, "The report is not UTF-8. Ask the partner for UTF-8.")
    if not start:
        raise refuse("empty", 0, "The file is blank. Ask the partner to send it again.")
    if not start.startswith(b"<") or version.namespace.encode() not in head:
        raise refuse(
            "not_this_layout", 1,
            f"This is no Vipps settlement report of version {version.number}. "
            "Was it left in the wrong folder?",
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
    while tail.endswith(b"-->") and b"<!--" in tail:
        tail = tail[: tail.rindex(b"<!--")].rstrip()
    if not re.search(rb"</(?:[\w.\-]+:)?SettlementReport\s*>$", tail):
        raise refuse(
            "truncated", 0, "The report ends before its last tag. Ask the partner to send it again."
        )


@dataclass(slots=True)
class Opened:
    """The settlement whose rows are passing by."""

    batch: Batch
    index: int
    store: str
    amounts: Amounts
    tally: Tally
    element: Any = None
    capture: int = 0
    refund: int = 0


class ReportReader:
    """Reads one report of :attr:`version`; a later or earlier version says what differs."""

    version = _VERSION

    @staticmethod
    def day_of(text: str, name: str) -> date:
        return columns.date_of(text, name)

    def __init_subclass__(cls) -> None:
        cls.prepare()

    @classmethod
    def prepare(cls) -> None:
        """Compile what the version looks like."""
        version = cls.version
        cls.close_row, cls.spaced_row = version.row(""), version.row(r"\s*+")
        cls.close_start = f"<TransactionInfo><{version.fields[0][0]}>"
        cls.unit_opens = re.compile(r"\s*+".join(version.opens), re.ASCII)
        cls.unit_closes = re.compile(r"\s*+".join(version.closes), re.ASCII)
        (cls.report, cls.unit, cls.payments, cls.settlement, cls.transaction, cls.fee) = map(
            version.tag,
            ("SettlementReport", "SettlementDetailsInfo", "PaymentsInfo", "SettlementInfo",
             "TransactionInfo", "FeeInfo"),
        )  # fmt: skip

    close_row: re.Pattern[str]
    spaced_row: re.Pattern[str]
    close_start: str
    unit_opens: re.Pattern[str]
    unit_closes: re.Pattern[str]
    report: str
    unit: str
    payments: str
    settlement: str
    transaction: str
    fee: str

    def __init__(self, statement: Statement, options: dict[str, Any]) -> None:
        self.statement = statement
        self.reading = Reading(statement)
        self.wallet = options.get("wallet") or "vipps"
        self.zone = columns.zone_of(options, "Europe/Oslo")
        self.cut_out: deque[tuple[int, list[Row] | WholeUnit]] = deque()
        self.cuts = 0
        self.open: Opened | None = None
        self.last_no = 0
        self.money = Money()
        self.days: dict[str, date] = {}

    def lines(self, path: Path) -> Iterator[Line]:
        parser = etree.XMLPullParser(
            events=("end",),
            tag=(self.transaction, self.settlement, self.payments, self.unit, self.fee),
            resolve_entities=False, no_network=True, huge_tree=False,
        )  # fmt: skip
        try:
            for piece in self._skeleton(path):
                parser.feed(piece)
                # A list, not a generator inside a generator: there are a million lines.
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
        if root.tag != self.report:
            raise refuse(
                "not_this_layout", 1, f"A report begins with SettlementReport, not {root.tag}."
            )
        if not self.statement.batches:
            raise refuse("empty", 0, "The report has no settlement. Ask the partner about it.")

    # -- cutting out what is plain

    def _skeleton(self, path: Path) -> Iterator[bytes]:
        """Yield the document with an empty marker where plain units and rows stood."""
        line, carry = 1, ""
        with path.open("rb") as file:
            while True:
                chunk = file.read(_CHUNK)
                # Latin-1 keeps every byte one to one; facts taken here are pure ASCII.
                text = carry + chunk.decode("latin-1")
                if _MARKER in text:
                    raise refuse("not_this_layout", line, "The report has a reserved word in it.")
                cut = _last_end(text) if chunk else len(text)
                pattern = self.close_row if self.close_start in text else self.spaced_row
                out: list[str] = []
                line = self._cut_units(text, cut, pattern, line, out)
                yield "".join(out).encode("latin-1")
                if not chunk:
                    return
                carry = text[cut:]

    def _cut_units(
        self, text: str, cut: int, pattern: re.Pattern[str], line: int, out: list[str]
    ) -> int:
        """Cut whole units out of a text, rows out of the rest; return the line behind it."""
        done = 0
        close, behind = pattern is self.close_row, pattern.groups
        for opens in self.unit_opens.finditer(text, 0, cut):
            rows: list[Row] = []
            start = opens.start()
            line_at_start = line + text.count("\n", done, start)
            at, line_no = opens.end(), line_at_start + opens[0].count("\n")
            while row := pattern.match(text, at, cut):
                rows.append((line_no, row.groups()))
                at_end = close and row[behind] == "\n"
                line_no += 1 if at_end else row[0].count("\n")
                at = row.end()
            closes = self.unit_closes.match(text, at, cut) if rows else None
            if closes is None or not _is_utf8(opens[0]):
                continue
            between = text[done:start]
            if "<" in between:
                self._cut_rows(text, done, start, pattern, line, out)
            else:
                out.append(between)
            settlement = line_at_start + text.count("\n", start, text.index("<SettlementI", start))
            unit = WholeUnit(settlement, opens.groups(), rows, line_no, closes.groups())
            out.append(f"<SettlementDetailsInfo {self._mark(unit)}/>")
            done = closes.end()
            line = line_no + closes[0].count("\n")
            out.append("\n" * (line - line_at_start))
        return self._cut_rows(text, done, cut, pattern, line, out)

    def _mark(self, cut_out: list[Row] | WholeUnit) -> str:
        self.cuts += 1
        self.cut_out.append((self.cuts, cut_out))
        return f'{_MARKER}="{self.cuts}"'

    def _cut_rows(
        self, text: str, start: int, end: int, pattern: re.Pattern[str], line: int, out: list[str]
    ) -> int:
        """Cut runs of rows out of a part of a text; return the line behind it."""
        rows: list[Row] | None = None
        breaks = 0
        for found in pattern.finditer(text, start, end):
            at = found.start()
            if rows is None or at != start:
                between = text[start:at]
                line += between.count("\n")
                rows = []
                out += ("\n" * breaks, between, f"<TransactionInfo {self._mark(rows)}/>")
                breaks = 0
            rows.append((line, found.groups()))
            added = found[0].count("\n")
            line += added
            breaks += added
            start = found.end()
        between = text[start:end]
        out += ("\n" * breaks, between)
        return line + between.count("\n")

    def _cut_at(self, element: Any) -> Any:
        """Return what was cut out where a marker stands."""
        number = int(element.get(_MARKER))
        # Whatever stood inside a comment has lost its marker: it was no data.
        while self.cut_out[0][0] != number:
            self.cut_out.popleft()
        return self.cut_out.popleft()[1]

    # -- walking the rest

    def _events(self, parser: Any) -> list[Line]:
        """Return the lines of what the parser has finished, and let go of its elements."""
        lines: list[Line] = []
        for _event, element in parser.read_events():
            tag = element.tag
            if tag == self.transaction:
                now = self._opened(element)
                if element.get(_MARKER) is not None:
                    rows = self._cut_at(element)
                else:
                    order = self.child(element, "OrderID")
                    values = [self.child(element, name) for name, _text in self.version.fields]
                    rows = [(element.sourceline or 0, (*values, order, None))]
                self.rows(now, rows, lines)
            elif tag == self.settlement:
                self._closed(element)
            elif tag == self.payments:
                self.payments_closed(element)
            elif tag == self.fee:
                self.statement.records += 1
                self.statement.others += 1
            elif tag == self.unit:
                if element.get(_MARKER) is not None:
                    self._unit(element, lines)
                element.clear(keep_tail=True)
            while (before := element.getprevious()) is not None and before.tag == tag:
                element.getparent().remove(before)
        return lines

    def _unit(self, element: Any, lines: list[Line]) -> None:
        """Add the lines of a unit that was cut out whole."""
        unit = self._cut_at(element)
        if element.getparent() is None or element.getparent().tag != self.report:
            raise refuse("not_this_layout", unit.line_no, "A sale unit stands inside another.")
        self.whole_unit(unit, lines)

    def whole_unit(self, unit: WholeUnit, lines: list[Line]) -> None:
        """Add the lines of a sale unit by its facts, in the order of the patterns."""
        opening = unit.opening
        now = self.begin(opening[:7], unit.line_no)
        self.rows(now, unit.rows, lines)
        self.finish(now, (opening[7], *unit.closing), unit.closing_line_no)

    def _opened(self, element: Any) -> Opened:
        """Return the settlement that an element stands in, reading its head once."""
        settlement = element if element.tag == self.settlement else element.getparent()
        if self.open is not None and self.open.element is settlement:
            return self.open
        payments = settlement.getparent()
        unit = None if payments is None else payments.getparent()
        if settlement.tag != self.settlement or unit is None or unit.tag != self.unit:
            raise refuse(
                "not_this_layout", element.sourceline or 0,
                "A TransactionInfo stands outside a SettlementInfo of a SettlementDetailsInfo.",
            )  # fmt: skip
        facts = [
            self.child(parent, name)
            for parent, names in (
                (unit, _UNIT_FACTS), (payments, _PAYMENTS_FACTS),
                (settlement, self.version.opening_facts),
            )
            for name in names
        ]  # fmt: skip
        self.open = self.begin(facts, settlement.sourceline or 0)
        self.open.element = settlement
        return self.open

    def _closed(self, element: Any) -> None:
        now = self._opened(element)
        self.open = None
        counted = element.find(self.version.tag("NumOfTransactions"))
        line_no = (element if counted is None else counted).sourceline or 0
        facts = [self.child(element, name) for name in self.version.closing_facts]
        self.finish(now, facts, line_no)
        element.clear(keep_tail=True)

    def payments_closed(self, element: Any) -> None:
        """Prove what a PaymentsInfo declares: in this version, nothing."""

    # -- what a settlement says

    def child(self, element: Any, name: str) -> str:
        return (element.findtext(self.version.tag(name)) or "").strip()

    def _day(self, text: str, name: str) -> date:
        found = self.days.get(text)
        if found is None:
            found = self.days[text] = self.day_of(text, name)
        return found

    def begin(self, facts: Sequence[str], line_no: int) -> Opened:
        """Open a settlement by its unit's, payments' and own opening facts."""
        store, begins, ends, of_payments, paid_on, number, of_settlement = facts
        currency = of_settlement or of_payments
        try:
            columns.id_of(store, "SerialNumber")
            columns.id_of(number, "SettlementID")
            columns.check_batch(f"{store}-{number}", self.wallet)
            amounts = self.money[currency]
            value_date = self._day(paid_on, self.version.opening_facts[0])
            first, last = self._day(begins, "ReportDateFrom"), self._day(ends, "ReportDateTo")
            if last < first:
                raise BadValue("bad_date", f"The report ends on {last}, before it begins.")
        except BadValue as error:
            raise refuse(error.code, line_no, str(error)) from None
        statement = self.statement
        if first < statement.period_from:
            statement.period_from = first
        if last > statement.period_to:
            statement.period_to = last
        batch = Batch(f"{store}-{number}", self.wallet, currency, value_date)
        statement.batches.append(batch)
        return Opened(batch, len(statement.batches) - 1, store, amounts, Tally())

    def finish(self, now: Opened, facts: Sequence[str], line_no: int) -> None:
        """Prove what a settlement declares."""
        batch, tally, amounts = now.batch, now.tally, now.amounts
        problems = len(self.statement.problems)
        self.statement.records += 1
        try:
            if "" in facts:
                absent = [
                    name for name, fact in zip(_CLOSING_FACTS, facts, strict=True) if not fact
                ]
                raise BadValue("bad_columns", f"The settlement has no {', '.join(absent)}.")
            kind, count = facts[0], columns.count_of(facts[1], "NumOfTransactions")
            capture, refund, gross, net, fee, settled = [amounts[fact][0] for fact in facts[2:]]
            if kind not in ("Net", "Gross"):
                raise BadValue("unknown_type", f"SettlementType {kind!r} is neither Net nor Gross.")
        except BadValue as error:
            self.reading.error(error.code, line_no, str(error))
            return
        batch.declared_count = count
        batch.declared_gross_minor, batch.declared_fee_minor = gross, fee
        batch.declared_net_minor = net
        due = net if kind == "Net" else gross
        if (count, gross, fee, net, capture, refund, settled) != (
            tally.count, tally.gross, tally.fee, tally.net, now.capture, now.refund, due
        ):  # fmt: skip
            self.reading.prove(batch, tally, line_no)
            for word, stated, found in (
                ("captures of", capture, now.capture),
                ("refunds of", refund, now.refund),
                (f"a {kind} settlement of", settled, due),
            ):
                if stated != found and not self.reading.bad_rows:
                    self.reading.error(
                        "total_differs", line_no,
                        f"{batch.ref} declares {word} {from_minor(stated, batch.currency)} "
                        f"{batch.currency}, but they are {from_minor(found, batch.currency)}. "
                        "Ask the partner for a corrected file.",
                    )  # fmt: skip
        if len(self.statement.problems) == problems:
            self.statement.others += 1

    # -- rows

    def rows(self, now: Opened, rows: list[Row], lines: list[Line]) -> None:
        """Prove the rows of a settlement, and add their lines."""
        statement, amounts, tally = self.statement, now.amounts, now.tally
        currency, store, index, wallet = now.batch.currency, now.store, now.index, self.wallet
        last_no = self.last_no
        make, check_time, add = tuple.__new__, datetime.fromisoformat, lines.append
        statement.records += len(rows)
        for line_no, row in rows:
            instant, capture, refund, gross, net, fee, code, ref, order, cut = row
            # Rows that share a physical line are counted on from it.
            last_no = line_no if line_no > last_no else last_no + 1
            try:
                captured, _text = amounts[capture]
                refunded, _text = amounts[refund]
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
                if cut is None:
                    # It came through lxml, so no pattern has proved its texts yet.
                    instant = columns.instant_of(instant, "TransactionTime", self.zone)
                    columns.id_of(ref, "TransactionID")
                    order = columns.text_of(order, "OrderID")
                else:
                    try:
                        check_time(instant)
                    except ValueError:
                        raise BadValue(
                            "bad_date", f"{ref}: {instant} is no time that there is."
                        ) from None
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
            add(
                make(
                    Line,
                    (last_no, index, wallet, kind, ref, store, currency, gross_text, currency,
                     gross_text, fee_text, net_text, "", order or "", instant, ""),
                )
            )  # fmt: skip
        self.last_no = last_no


def _last_end(text: str) -> int:
    """Return where to cut a text so that no unit or row is cut, if it can be helped."""
    for end in (_UNIT_END, _ROW_END):
        found = text.rfind(end)
        if found >= 0 and len(text) - found <= _HEAD:
            return found + len(end)
    return 0 if len(text) <= _HEAD else len(text)


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


ReportReader.prepare()


# -- writing -------------------------------------------------------------------------------


def batch_ref(*, number: int, day: date, store: str, wallet: str, currency: str) -> str:
    """Return the reference of one store's settlement: numbers start at 2000001 per unit."""
    return f"{store}-{2_000_000 + number}"


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a report, one row a physical line; return the line number of each sheet line.

    A batch is called ``<msn>-<settlement id>`` and holds lines of that store and currency.
    """
    return ReportWriter(sheet, options).write(path)


class ReportWriter:
    """Writes one report of a version; another version says what differs."""

    namespace = NAMESPACE

    def __init__(self, sheet: Sheet, options: dict[str, Any]) -> None:
        self.sheet = sheet
        self.misstate = sheet.misstate_minor
        self.zone = columns.zone_of(options, "Europe/Oslo")

    def write(self, path: Path) -> list[int]:
        sheet = self.sheet
        if not sheet.lines:
            raise CannotWrite("A Vipps report has at least one transaction.")
        numbers = [0] * len(sheet.lines)
        members: list[list[int]] = [[] for _batch in sheet.batches]
        for position, line in enumerate(sheet.lines):
            members[line.batch].append(position)
        written = 0

        with path.open("w", encoding="utf-8", newline="\n") as file:

            def put(text: str) -> None:
                nonlocal written
                file.write(text + "\n")
                written += 1

            put('<?xml version="1.0" encoding="UTF-8"?>')
            put(f'<SettlementReport xmlns="{self.namespace}">')
            filled = [index for index in range(len(sheet.batches)) if members[index]]
            for store, indexes in groupby(
                filled, lambda i: sheet.batches[i].ref.rpartition("-")[0]
            ):
                put("<SettlementDetailsInfo>")
                put(
                    f"<SaleUnitName>Sale unit {escape(store)}</SaleUnitName>"
                    f"<SerialNumber>{escape(store)}</SerialNumber>"
                    "<OrganizationName>Alliance</OrganizationName>"
                    "<OrganizationNumber>999999999</OrganizationNumber>"
                    "<MainAddress></MainAddress><MainAddressZipCode></MainAddressZipCode>"
                    "<MainAddressCity></MainAddressCity>"
                    "<MainAddressCountryCode></MainAddressCountryCode>"
                )
                for currency, of_currency in groupby(indexes, lambda i: sheet.batches[i].currency):
                    settlements = [
                        (sheet.batches[index], members[index],
                         [sheet.lines[position] for position in members[index]])
                        for index in of_currency
                    ]  # fmt: skip
                    put(self.payments_opens(currency, [lines for *_, lines in settlements]))
                    for batch, positions, lines in settlements:
                        put(self.settlement_opens(batch, lines))
                        for position, line in zip(positions, lines, strict=True):
                            put(self.row(line, store, currency))
                            numbers[position] = written
                        put(self.settlement_closes(batch, lines))
                        self.misstate = 0
                    put(self.payments_closes(len(settlements)))
                put("</SettlementDetailsInfo>")
            put(
                "<VippsInfo><Name>Vipps</Name><WebSite>https://vipps.no</WebSite>"
                "<VisitingAddress></VisitingAddress><PostBox></PostBox><PostAddress></PostAddress>"
                "<Country>NOR</Country></VippsInfo>"
            )
            put("</SettlementReport>")
        return numbers

    def payments_opens(self, currency: str, settlements: list[list[Line]]) -> str:
        return (
            f"<PaymentsInfo><ReportDateFrom>{self.sheet.period_from}</ReportDateFrom>"
            f"<ReportDateTo>{self.sheet.period_to}</ReportDateTo>"
            f"<SettlementCurrencyCode>{currency}</SettlementCurrencyCode>"
            f"<ReportReferenceNum>{self.sheet.number}</ReportReferenceNum>"
            "<SettlementAccountNum>15030000001</SettlementAccountNum>"
        )

    def payments_closes(self, settlements: int) -> str:
        return f"<NumOfSettlements>{settlements}</NumOfSettlements></PaymentsInfo>"

    def settlement_opens(self, batch: Batch, lines: list[Line]) -> str:
        return (
            "<SettlementInfo>"
            f"<SettlementDate>{batch.value_date or self.sheet.made_on}</SettlementDate>"
            f"<SettlementID>{batch.ref.rpartition('-')[2]}</SettlementID>"
            f"<SettlementCurrencyCode>{batch.currency}</SettlementCurrencyCode>"
            "<SettlementType>Net</SettlementType>"
        )

    def settlement_closes(self, batch: Batch, lines: list[Line]) -> str:
        return _sums(lines, batch.currency, self.misstate)

    def row(self, line: Line, store: str, currency: str) -> str:
        gross = checked_gross(line, store, currency)
        zero = from_minor(0, currency)
        text = from_minor(gross, currency)
        return (
            f"<TransactionInfo><TransactionTime>{line.occurred_at}</TransactionTime>"
            f"<TransactionCaptureAmount>{text if gross > 0 else zero}</TransactionCaptureAmount>"
            f"<TransactionRefundAmount>{text if gross < 0 else zero}</TransactionRefundAmount>"
            + row_rest(line, text)
        )


def checked_gross(line: Line, store: str, currency: str) -> int:
    """Return the gross of a line, or say what of it a report cannot express."""
    if line.store != store or line.currency != currency or line.settled_currency != currency:
        raise CannotWrite(f"{line.ref}: a settlement has one sale unit and one currency.")
    gross = int(line.gross)
    if line.kind == NOT_A_PAYMENT and gross:
        raise CannotWrite(f"{line.ref}: the report has only captures and refunds.")
    if not line.occurred_at:
        raise CannotWrite(f"{line.ref}: the report needs the time of every transaction.")
    return gross


def row_rest(line: Line, gross: str) -> str:
    """Return the elements of a row from its gross on, which no version changed."""
    return (
        f"<TransactionGrossAmount>{gross}</TransactionGrossAmount>"
        f"<TransactionNetAmount>{from_minor(int(line.net), line.currency)}</TransactionNetAmount>"
        f"<TransactionFeeAmount>{from_minor(int(line.fee), line.currency)}</TransactionFeeAmount>"
        f"<SettlementCurrencyCode>{line.currency}</SettlementCurrencyCode>"
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
