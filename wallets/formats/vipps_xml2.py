"""Vipps SettlementReport XML, version 2.0.

Source, public: the schema SettlementReport-2.0.xsd and the list of what 3.0 changed, both in
the developers' repository of Vipps (settlements/xml/). The report is read by the machinery of
vipps_xml3, whose docstring says how; here is only what differs::

    PaymentsInfo        declares TotalSettledGross-, Net-, Fee- and RefundAmount, and stands with
                        NumOfSettlements before its settlements
    SettlementInfo      SettlementBatchDate; its sums and NumOfTransactions stand before its rows
    TransactionInfo     TransactionDate; no capture and refund columns

Signs: gross is + for a capture and - for a refund, a fee is + when charged, net = gross - fee.
A settlement's gross, net, fee and count are the sums of its rows, a PaymentsInfo's those of its
settlements; TotalSettledRefundAmount is the refunds of its rows, of either sign, because the
schema is silent on it. There is no SettlementType and no SettledAmount, so what is paid out
is taken to be the net. Dates are texts; one with a time behind it is read for its day.

TransactionDate is Oslo time in the form of UTC: the list of changes names that as a fault of
the old system. A text that ends in Z or +00:00 or has no offset is read as a local time, in
the hour that comes twice in autumn as its first; another offset is taken at its word.

It cannot carry what version 3.0 cannot, and not the second of two equal hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from portal.core.money import from_minor
from wallets.formats import columns, vipps_xml3
from wallets.formats.columns import BadValue, CannotWrite, Tally
from wallets.formats.statement import (
    NOT_A_PAYMENT,
    REFUND,
    SALE,
    Batch,
    Line,
    Room,
    Sheet,
    Statement,
)
from wallets.formats.vipps_xml3 import Opened, Row, Version, WholeUnit, passed, taken

NAMESPACE = "http://vipps.dnb.no/XMLSchema/SettlementReport.xsd"
BATCH_BY = vipps_xml3.BATCH_BY
ROOM = Room(other_movements=False, originals=False)
batch_ref = vipps_xml3.batch_ref
identify = vipps_xml3.identify

_TOTALS = (
    "TotalSettledGrossAmount", "TotalSettledNetAmount", "TotalSettledFeeAmount",
    "TotalSettledRefundAmount",
)  # fmt: skip
_SUMS = ("GrossSettlementAmount", "NetSettlementAmount", "FeeSettlementAmount", "NumOfTransactions")
_OPENING = ("SettlementBatchDate", "SettlementID", "SettlementCurrencyCode")
_AMOUNT = r"([0-9.\-]++)"
_VERSION = Version(
    "2.0", NAMESPACE,
    fields=(
        (
            "TransactionDate",
            r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?+"
            r"(?:Z|[+-][0-9]{2}:[0-9]{2})?)",
        ),
        ("TransactionGrossAmount", _AMOUNT),
        ("TransactionNetAmount", _AMOUNT),
        ("TransactionFeeAmount", _AMOUNT),
        ("SettlementCurrencyCode", r"([A-Z]{3})"),
        ("TransactionID", r"([0-9A-Za-z_\-]{1,64}+)"),
    ),
    opening_facts=_OPENING, closing_facts=_SUMS,
    opens=(
        "<SettlementDetailsInfo>", *passed("SaleUnitName"), *taken("SerialNumber"),
        *passed("OrganizationName", "OrganizationNumber", "MainAddress", "MainAddressZipCode",
                "MainAddressCity", "MainAddressCountryCode"),
        "<PaymentsInfo>", *taken("ReportDateFrom", "ReportDateTo", "SettlementCurrencyCode"),
        *taken(*_TOTALS), *passed("ReportReferenceNum", "SettlementAccountNum"),
        *taken("NumOfSettlements"),
        "<SettlementInfo>", *taken(*_OPENING), *taken(*_SUMS), "",
    ),
    closes=("", "</SettlementInfo>", "</PaymentsInfo>", "</SettlementDetailsInfo>"),
)  # fmt: skip


def read(path: Path, options: dict[str, Any]) -> Statement:
    """Return the statement of a report; its lines stream, memory stays flat."""
    return vipps_xml3.begin(path, options, _Reader)


class _Reader(vipps_xml3.ReportReader):
    version = _VERSION

    @staticmethod
    def day_of(text: str, name: str) -> date:
        """Return the day of a text that may have a time behind it."""
        day, _at, time = text.replace(" ", "T", 1).partition("T")
        if time:
            columns.instant_of(f"{day}T{time.partition('+')[0].removesuffix('Z')}Z", name, None)
        return columns.date_of(day, name)

    def __init__(self, statement: Statement, options: dict[str, Any]) -> None:
        super().__init__(statement, options)
        # What the settlements of the present PaymentsInfo bring, and how many there were.
        self.paid, self.refunded, self.settlements = Tally(), 0, 0
        self.currencies: set[str] = set()
        self.offsets: dict[str, str] = {}

    def whole_unit(self, unit: WholeUnit, lines: list[Line]) -> None:
        store, begins, ends, currency, gross, net, fee, refund, number, *rest = unit.opening
        now = self.begin((store, begins, ends, currency, *rest[:3]), unit.line_no)
        self.rows(now, unit.rows, lines)
        self.finish(now, rest[3:], unit.line_no)
        self._totals((gross, net, fee, refund, number), currency, unit.line_no)

    def payments_closed(self, element: Any) -> None:
        facts = [self.child(element, name) for name in (*_TOTALS, "NumOfSettlements")]
        self._totals(facts, self.child(element, "SettlementCurrencyCode"), element.sourceline or 0)

    def finish(self, now: Opened, facts: Sequence[str], line_no: int) -> None:
        """Prove the sums of a settlement."""
        batch, amounts = now.batch, now.amounts
        self.statement.records += 1
        self.settlements += 1
        self.currencies.add(batch.currency)
        problems = len(self.statement.problems)
        try:
            absent = [name for name, fact in zip(_SUMS, facts, strict=True) if not fact]
            if absent:
                raise BadValue("bad_columns", f"The settlement has no {', '.join(absent)}.")
            gross, net, fee = (amounts[fact][0] for fact in facts[:3])
            count = columns.count_of(facts[3], "NumOfTransactions")
        except BadValue as error:
            self.reading.error(error.code, line_no, str(error))
            return
        batch.declared_count, batch.declared_gross_minor = count, gross
        batch.declared_fee_minor, batch.declared_net_minor = fee, net
        self.reading.prove(batch, now.tally, line_no)
        self.paid.add(now.tally.gross, now.tally.fee, now.tally.net)
        self.refunded += now.refund
        if len(self.statement.problems) == problems:
            self.statement.others += 1

    def _totals(self, facts: Sequence[str], currency: str, line_no: int) -> None:
        """Prove what a PaymentsInfo declares over all its settlements."""
        paid, refunded, settlements = self.paid, self.refunded, self.settlements
        currencies = self.currencies
        self.paid, self.refunded, self.settlements, self.currencies = Tally(), 0, 0, set()
        if self.reading.bad_rows or any(one.is_error for one in self.statement.problems):
            return
        try:
            amounts = self.money[currency]
            absent = [
                name
                for name, fact in zip((*_TOTALS, "NumOfSettlements"), facts, strict=True)
                if not fact
            ]
            if absent:
                raise BadValue("bad_columns", f"PaymentsInfo has no {', '.join(absent)}.")
            gross, net, fee, refund = (amounts[fact][0] for fact in facts[:4])
            if others := currencies - {currency}:
                raise BadValue(
                    "bad_value", f"Totals in {currency} stand over settlements in {others.pop()}."
                )
            if columns.count_of(facts[4], "NumOfSettlements") != settlements:
                raise BadValue(
                    "count_differs",
                    f"PaymentsInfo declares {facts[4]} settlements and has {settlements}. "
                    "Ask the partner for a corrected file.",
                )
        except BadValue as error:
            self.reading.error(error.code, line_no, str(error))
            return
        for name, stated, found in zip(
            _TOTALS, (gross, net, fee, -abs(refund)), (paid.gross, paid.net, paid.fee, refunded),
            strict=True,
        ):  # fmt: skip
            if stated != found:
                self.reading.error(
                    "total_differs", line_no,
                    f"{name} is {from_minor(stated, currency)} {currency}, the settlements add up "
                    f"to {from_minor(found, currency)}. Ask the partner for a corrected file.",
                )  # fmt: skip

    def rows(self, now: Opened, rows: list[Row], lines: list[Line]) -> None:
        """Prove the rows of a settlement, and add their lines."""
        statement, amounts, tally = self.statement, now.amounts, now.tally
        currency, store, index, wallet = now.batch.currency, now.store, now.index, self.wallet
        last_no, offsets = self.last_no, self.offsets
        make, check_time, add = tuple.__new__, datetime.fromisoformat, lines.append
        statement.records += len(rows)
        for line_no, row in rows:
            instant, gross, net, fee, code, ref, order, cut = row
            # Rows that share a physical line are counted on from it.
            last_no = line_no if line_no > last_no else last_no + 1
            try:
                gross_minor, gross_text = amounts[gross]
                fee_minor, fee_text = amounts[fee]
                net_minor, net_text = amounts[net]
                if gross_minor - fee_minor != net_minor:
                    raise BadValue(
                        "bad_amount", f"{ref}: net {net} is not gross {gross} less fee {fee}."
                    )
                if code != currency:
                    raise BadValue(
                        "bad_value", f"{ref} is in {code!r} inside a settlement in {currency}."
                    )
                if cut is None:
                    # It came through lxml, so no pattern has proved its texts yet.
                    columns.id_of(ref, "TransactionID")
                    order = columns.text_of(order, "OrderID")
                if instant[-1:] == "Z" and instant[10:11] == "T":
                    # The offset is looked up once an hour of the clock.
                    bare, hour = instant[:-1], instant[:13]
                    if hour not in offsets or cut is None:
                        offsets[hour] = columns.instant_of(bare, "TransactionDate", self.zone)[-6:]
                    try:
                        check_time(bare)
                    except ValueError:
                        raise BadValue(
                            "bad_date", f"{ref}: {instant} is no time that there is."
                        ) from None
                    instant = bare + offsets[hour]
                else:
                    instant = columns.instant_of(
                        instant.removesuffix("+00:00"), "TransactionDate", self.zone
                    )
            except BadValue as error:
                self.reading.bad_row(error, last_no)
                continue
            tally.count += 1
            tally.gross += gross_minor
            tally.fee += fee_minor
            tally.net += net_minor
            if gross_minor < 0:
                now.refund += gross_minor
            kind = SALE if gross_minor > 0 else REFUND if gross_minor < 0 else NOT_A_PAYMENT
            add(
                make(
                    Line,
                    (last_no, index, wallet, kind, ref, store, currency, gross_text, currency,
                     gross_text, fee_text, net_text, "", order or "", instant, ""),
                )
            )  # fmt: skip
        self.last_no = last_no


# -- writing -------------------------------------------------------------------------------


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a report, one row a physical line; return the line number of each sheet line."""
    return _Writer(sheet, options).write(path)


class _Writer(vipps_xml3.ReportWriter):
    namespace = NAMESPACE

    def payments_opens(self, currency: str, settlements: list[list[Line]]) -> str:
        gross, net, fee, refund = (
            from_minor(sum(sums), currency)
            for sums in zip(*(_sums(lines) for lines in settlements), strict=True)
        )
        return (
            f"<PaymentsInfo><ReportDateFrom>{self.sheet.period_from}</ReportDateFrom>"
            f"<ReportDateTo>{self.sheet.period_to}</ReportDateTo>"
            f"<SettlementCurrencyCode>{currency}</SettlementCurrencyCode>"
            f"<TotalSettledGrossAmount>{gross}</TotalSettledGrossAmount>"
            f"<TotalSettledNetAmount>{net}</TotalSettledNetAmount>"
            f"<TotalSettledFeeAmount>{fee}</TotalSettledFeeAmount>"
            f"<TotalSettledRefundAmount>{refund}</TotalSettledRefundAmount>"
            f"<ReportReferenceNum>{self.sheet.number}</ReportReferenceNum>"
            "<SettlementAccountNum>15030000001</SettlementAccountNum>"
            f"<NumOfSettlements>{len(settlements)}</NumOfSettlements>"
        )

    def payments_closes(self, settlements: int) -> str:
        return "</PaymentsInfo>"

    def settlement_opens(self, batch: Batch, lines: list[Line]) -> str:
        gross, net, fee, _refund = _sums(lines)
        stated = (gross + self.misstate, net, fee)
        gross_text, net_text, fee_text = (from_minor(minor, batch.currency) for minor in stated)
        return (
            "<SettlementInfo>"
            f"<SettlementBatchDate>{batch.value_date or self.sheet.made_on}</SettlementBatchDate>"
            f"<SettlementID>{batch.ref.rpartition('-')[2]}</SettlementID>"
            f"<SettlementCurrencyCode>{batch.currency}</SettlementCurrencyCode>"
            f"<GrossSettlementAmount>{gross_text}</GrossSettlementAmount>"
            f"<NetSettlementAmount>{net_text}</NetSettlementAmount>"
            f"<FeeSettlementAmount>{fee_text}</FeeSettlementAmount>"
            f"<NumOfTransactions>{len(lines)}</NumOfTransactions>"
        )

    def settlement_closes(self, batch: Batch, lines: list[Line]) -> str:
        return "</SettlementInfo>"

    def row(self, line: Line, store: str, currency: str) -> str:
        gross = vipps_xml3.checked_gross(line, store, currency)
        local = columns.in_zone(line, self.zone)
        bare = line.occurred_at[:-6]
        if local is None or local.fold or not local.isoformat().startswith(bare[:19]):
            raise CannotWrite(f"{line.ref}: {line.occurred_at} is no local time of this layout.")
        return f"<TransactionInfo><TransactionDate>{bare}Z</TransactionDate>" + vipps_xml3.row_rest(
            line, from_minor(gross, currency)
        )


def _sums(lines: list[Line]) -> tuple[int, int, int, int]:
    """Return gross, net, fee and refunds of a settlement."""
    grosses = [int(line.gross) for line in lines]
    return (
        sum(grosses), sum(int(line.net) for line in lines), sum(int(line.fee) for line in lines),
        sum(minor for minor in grosses if minor < 0),
    )  # fmt: skip
