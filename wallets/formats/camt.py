"""ISO 20022 bank statement (camt.053) and credit notification (camt.054).

Source, public: the message definitions camt.053.001 and camt.054.001 of ISO 20022, versions 02,
04 and 08, and the guide for camt.053 of Finance Finland. Which message and version it is, the
namespace says; elements are found by their local names in it. Another version is read the same
way, with a warning. UTF-8 or ISO-8859-1::

    BkToCstmrStmt | BkToCstmrDbtCdtNtfctn
      GrpHdr                    MsgId, page of the message (PgNb, LastPgInd)
      Stmt | Ntfctn             one a page of an account: Id, number, account, balances, summary
        Ntry                    an entry
          NtryDtls/TxDtls       its transactions; a collective entry may have none

Signs: amounts are never negative, CdtDbtInd says the direction, of a reversal (RvslInd) too.
Only entries of status BOOK move the balance; PDNG, INFO and FUTR are told and not counted. The
counterparty of a credit is Dbtr, of a debit Cdtr: Nm up to version 07, Pty/Nm from 08. All Ustrd
of a transaction are joined by blanks. Charges are + when the bank kept them.

Proved: OPBD (or PRCD) + booked entries = CLBD, over all pages of a statement; pages that are
absent are a warning. TxsSummry: number and sum of entries, credits and debits, of all entries or
of the booked ones, for both habits occur; of a paged statement over its pages. Within a
collective entry a number or a sum that differs is a warning, because it changes no balance.

A statement is called by account and Stmt/Id; ElctrncSeqNb (else LglSeqNb) is its running number.
EndToEndId is the sender's promise: equal ones in one file are legal, and nothing is dropped.
A document type, entities of its own and other encodings are refused; entries stream.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lxml import etree

from portal.core.money import from_minor
from wallets.formats import columns
from wallets.formats.bank_statement import (
    MOST_DETAILS,
    BankStatement,
    Detail,
    Entry,
    Page,
    prove_balances,
)
from wallets.formats.columns import BadValue
from wallets.formats.statement import refuse

VERSIONS = ("02", "04", "08")
_MESSAGE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:(camt\.05[34])\.001\.([0-9]{2})", re.ASCII)
_TAGS = ("Stmt", "Ntfctn")
_CHUNK = 1 << 18
_ENCODINGS = {"utf-8", "us-ascii", "ascii", "iso-8859-1", "latin-1"}
_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_DAY = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T[0-9:.]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)
_SIGNS = {"CRDT": 1, "DBIT": -1}
_FLAGS = {"": False, "false": False, "0": False, "true": True, "1": True}
_STATES = {"BOOK", "PDNG", "INFO", "FUTR"}

_RATES = tuple(f"AmtDtls/{name}/CcyXchg/XchgRate" for name in ("TxAmt", "InstdAmt", "CntrValAmt"))

Element = Any
"""An lxml element; its stubs know no streaming."""


def identify(name: str, head: bytes, options: dict[str, Any]) -> str:
    """Return account and id of the first statement."""
    if b"<!DOCTYPE" in head:
        return Path(name).stem
    parser = _parser()
    with contextlib.suppress(etree.XMLSyntaxError):
        parser.feed(head)
    for _event, element in parser.read_events():
        path = _Path(element)
        statement = element
        while statement is not None and _local(statement) not in _TAGS:
            statement = statement.getparent()
        if statement is not None:
            account = _account(path, statement)
            return f"{account} {path.text(statement, 'Id')}".strip()[:200]
    return Path(name).stem


def read(path: Path, options: dict[str, Any]) -> BankStatement:
    """Return the statement of a file; its entries stream."""
    columns.check_size(path, options)
    with path.open("rb") as file:
        head = file.read(columns.LONGEST_LINE)
    _check_head(head)
    statement = BankStatement(identify(path.name, head, options), "camt", iter(()))
    statement.entries = _Reader(statement).entries(path)
    return statement


def _check_head(head: bytes) -> None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refuse("bad_encoding", 1, "The file is UTF-16. Ask the bank for UTF-8.")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not text.startswith(b"<"):
        raise refuse("not_this_layout", 1, "The file is no XML. Is this another file?")
    declared = _ENCODING.match(text)
    if declared and declared[1].decode().lower() not in _ENCODINGS:
        raise refuse(
            "bad_encoding", 1, f"The encoding {declared[1].decode()!r} is not taken; send UTF-8."
        )
    if b"<!DOCTYPE" in text:
        raise refuse("bad_value", 1, "The file declares a document type, which is never read.")


def _parser() -> Any:
    return etree.XMLPullParser(
        events=("start", "end"),
        tag=("{*}Document", "{*}GrpHdr", "{*}Stmt", "{*}Ntfctn", "{*}Ntry", "{*}TxDtls"),
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


class _Path:
    """Finds elements by local names in the namespace of a document."""

    def __init__(self, element: Element) -> None:
        tag = str(element.tag)
        self.space = tag[: tag.rindex("}") + 1] if "}" in tag else ""
        self.known: dict[str, str] = {}

    def of(self, names: str) -> str:
        path = self.known.get(names)
        if path is None:
            path = "/".join(f"{self.space}{name}" for name in names.split("/"))
            self.known[names] = path
        return path

    def one(self, element: Element, names: str) -> Element | None:
        return element.find(self.of(names))

    def all(self, element: Element, names: str) -> list[Element]:
        return list(element.iterfind(self.of(names)))

    def text(self, element: Element, *ways: str) -> str:
        """Return the text at the first of some ways that has one, without outer blanks."""
        for names in ways:
            found = element.findtext(self.of(names))
            if found and (found := found.strip()):
                return str(found)
        return ""


class _Facts(dict[str, str]):
    """What stands below an element, gathered in one walk: local path to its first text.

    A currency stands under its amount's path and ``@Ccy``. Repeated elements run together.
    """

    def __init__(self, element: Element, space: str) -> None:
        super().__init__()
        self._space, self._skip = space, len(space)
        self._gather(element, "")

    def _gather(self, element: Element, prefix: str) -> None:
        for child in element:
            tag = child.tag
            if not tag.startswith(self._space):
                continue
            name = prefix + tag[self._skip :]
            if len(child):
                self._gather(child, name + "/")
            elif not self.get(name):
                self[name] = (child.text or "").strip()
                if name.endswith("Amt"):
                    self[name + "@Ccy"] = child.get("Ccy", "")

    def text(self, *ways: str) -> str:
        """Return the text at the first of some paths that has one."""
        for name in ways:
            if found := self.get(name):
                return found
        return ""


def _account(path: _Path, statement: Element) -> str:
    return path.text(statement, "Acct/Id/IBAN", "Acct/Id/Othr/Id").replace(" ", "")


@dataclass(slots=True)
class _Found:
    """What the transactions of the entry at hand add up to."""

    details: list[Detail]
    count: int = 0
    minor: int = 0
    is_summed: bool = True


@dataclass(slots=True)
class _Summary:
    """A declared number and sum of entries; ``sides`` says which ones."""

    sides: str
    count: int | None
    minor: int | None


class _Reader:
    def __init__(self, statement: BankStatement) -> None:
        self.statement = statement
        self.money = columns.Money(short=True)
        self.path: _Path | None = None
        self.page: Page | None = None
        self.message_page = (1, True)
        self.found = _Found([])
        self.summaries: list[tuple[Page, list[_Summary]]] = []
        self.warned: set[str] = set()
        self.days: dict[str, date | None] = {}

    def entries(self, path: Path) -> Iterator[Entry]:
        parser = _parser()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield from self._fed(parser, chunk)
        yield from self._fed(parser, b"")
        if self.path is None:
            raise refuse("not_this_layout", 1, "The document is no camt.053 or camt.054.")
        if not self.statement.pages:
            raise refuse("truncated", 0, "There is no statement in the file. Ask for it again.")
        self._prove_summaries()
        prove_balances(self.statement)

    def _fed(self, parser: Any, chunk: bytes) -> Iterator[Entry]:
        """Feed the parser, nothing at the end; yield the entries that are complete by then."""
        failed: etree.XMLSyntaxError | None = None
        try:
            if chunk:
                parser.feed(chunk)
            else:
                parser.close()
        except etree.XMLSyntaxError as error:
            failed = error
        for event, element in parser.read_events():
            entry = self._take(event, element)
            if entry is not None:
                yield entry
        if failed is not None:
            raise refuse(*_why(parser, failed, at_end=not chunk))

    def _take(self, event: str, element: Element) -> Entry | None:
        name = _local(element)
        if self.path is None:
            self._open(element)
        if element.tag != self.at.of(name):
            return None  # an element of another namespace, such as supplementary data
        if event == "start":
            _check_place(element, name)
            if name in _TAGS:
                self.page = None
            elif name == "Ntry":
                self.found = _Found([])
            return None
        if name == "GrpHdr":
            self.message_page = self._paging(element, "MsgPgntn", (1, True))
        elif name == "TxDtls":
            self._detail(element)
            _forget_before(element)
        elif name == "Ntry":
            page = self._page_of(element.getparent())
            entry = self._entry(page, element)
            _forget_before(element)
            return entry
        elif name in _TAGS:
            self._close(self._page_of(element), element)
            _forget_before(element)
        return None

    def _open(self, root: Element) -> None:
        """Find out what the document is; refuse what is not to be read."""
        if root.getroottree().docinfo.internalDTD is not None:
            raise refuse("bad_value", 1, "The file declares a document type, which is never read.")
        found = _MESSAGE.fullmatch(str(root.tag).rpartition("}")[0].lstrip("{"))
        if _local(root) != "Document" or found is None:
            raise refuse(
                "not_this_layout", root.sourceline or 1,
                "The document is no camt.053 or camt.054. Is this another file?",
            )  # fmt: skip
        self.path = _Path(root)
        message, version = found.groups()
        self.statement.layout = f"{message}.001.{version}"
        self.statement.has_balances = message == "camt.053"
        if version not in VERSIONS:
            self.statement.warn(
                "not_this_layout", 1,
                f"Version {version} of {message} is read like {', '.join(VERSIONS)}.",
            )  # fmt: skip

    @property
    def at(self) -> _Path:
        assert self.path is not None  # noqa: S101
        return self.path

    # -- pages ---------------------------------------------------------------------------

    def _paging(self, element: Element, name: str, otherwise: tuple[int, bool]) -> tuple[int, bool]:
        number = self.at.text(element, f"{name}/PgNb")
        if not number:
            return otherwise
        try:
            is_last = _flag(self.at.text(element, f"{name}/LastPgInd"), "LastPgInd")
            return max(1, columns.count_of(number, "PgNb")), is_last
        except BadValue as error:
            self.statement.error(error.code, element.sourceline or 0, str(error))
            return otherwise

    def _page_of(self, element: Element) -> Page:
        """Return the page of a statement, opened with all that stands before its entries."""
        if self.page is None:
            at = self.at
            line = element.sourceline or 0
            number, is_last = self._paging(element, "StmtPgntn", self.message_page)
            number, is_last = self._paging(element, "NtfctnPgntn", (number, is_last))
            balance = self.at.one(element, "Bal/Amt")
            currency = at.text(element, "Acct/Ccy") or (
                balance.get("Ccy", "") if balance is not None else ""
            )
            sequence = at.text(element, "ElctrncSeqNb", "LglSeqNb")
            copy = at.text(element, "CpyDplctInd")
            self.page = Page(
                account=_account(at, element), currency=currency,
                statement_id=at.text(element, "Id"), number=number, is_last=is_last,
                is_copy=copy in {"COPY", "CODU", "DUPL"}, owner=at.text(element, "Acct/Ownr/Nm"),
                bank=at.text(element, "Acct/Svcr/FinInstnId/BICFI", "Acct/Svcr/FinInstnId/BIC"),
                line_no=line,
            )  # fmt: skip
            self.statement.pages.append(self.page)
            try:
                if not self.page.account:
                    raise BadValue("bad_value", "The statement names no account.")
                if currency:
                    columns.minor_of("0", currency, short=True)
                if sequence:
                    self.page.sequence = columns.count_of(sequence, "ElctrncSeqNb")
                self.page.from_day = self._day(at.text(element, "FrToDt/FrDtTm"))
                self.page.to_day = self._day(at.text(element, "FrToDt/ToDtTm"))
            except BadValue as error:
                self.statement.error(error.code, line, str(error))
        return self.page

    def _close(self, page: Page, element: Element) -> None:
        self.page = None
        self.statement.records += 1
        for balance in self.at.all(element, "Bal"):
            try:
                self._balance(page, balance)
            except BadValue as error:
                self.statement.error(error.code, balance.sourceline or 0, str(error))
        summary = self.at.one(element, "TxsSummry")
        if summary is not None:
            try:
                self.summaries.append((page, self._summary(page, summary)))
            except BadValue as error:
                self.statement.error(error.code, summary.sourceline or 0, str(error))

    def _balance(self, page: Page, element: Element) -> None:
        facts = self._facts(element)
        kind = facts.text("Tp/CdOrPrtry/Cd")
        if kind not in {"OPBD", "PRCD", "CLBD"}:
            return
        minor, currency = self._amount(facts, "Amt")
        minor *= _sign(facts.text("CdtDbtInd"))
        if currency != page.currency:
            raise BadValue("bad_value", f"{kind} is in {currency}, the account {page.currency}.")
        if kind == "CLBD":
            page.closing_minor = minor
        elif kind == "OPBD" or page.opening_minor is None:
            page.opening_minor = minor

    def _summary(self, page: Page, element: Element) -> list[_Summary]:
        found = []
        for name, sides in (
            ("TtlNtries", "entries"), ("TtlCdtNtries", "credits"), ("TtlDbtNtries", "debits"),
        ):  # fmt: skip
            part = self.at.one(element, name)
            if part is not None:
                count, total = self.at.text(part, "NbOfNtries"), self.at.text(part, "Sum")
                found.append(_Summary(
                    sides, columns.count_of(count, "NbOfNtries") if count else None,
                    self._minor(total, page.currency) if total else None,
                ))  # fmt: skip
        return found

    def _prove_summaries(self) -> None:
        """Compare what pages say of their entries, once with and once without announced ones."""
        if self.statement.has_errors:
            return
        for page, summaries in self.summaries:
            pages = [page]
            whole = [one for one in self.statement.pages if one.chain == page.chain]
            for summary in summaries:
                wanted = (summary.count, summary.minor)
                tried = [_sums_of(pages, summary.sides)]
                if page.is_paged:
                    tried.append(_sums_of(whole, summary.sides))
                if any(_agrees(wanted, one) for both in tried for one in both):
                    continue
                if page.is_paged and not whole[-1].is_last:
                    continue
                count, minor = tried[-1][0]
                is_count = summary.count is not None and summary.count != count
                self.statement.error(
                    "count_differs" if is_count else "total_differs", page.line_no,
                    f"{page.account} {page.statement_id} declares {summary.count} {summary.sides} "
                    f"of {_shown(summary.minor, page.currency)}, there are {count} of "
                    f"{_shown(minor, page.currency)}. Ask the bank for the file again.",
                )  # fmt: skip

    # -- entries -------------------------------------------------------------------------

    def _entry(self, page: Page, element: Element) -> Entry | None:
        self.statement.records += 1
        page.entries += 1
        line = element.sourceline or 0
        try:
            entry = self._read_entry(page, element, line)
        except BadValue as error:
            self.statement.error(error.code, line, f"Entry {page.entries}: {error}")
            return None
        page.sums.add(entry)
        return entry

    def _facts(self, element: Element) -> _Facts:
        return _Facts(element, self.at.space)

    def _read_entry(self, page: Page, element: Element, line: int) -> Entry:
        facts = self._facts(element)
        minor, currency = self._amount(facts, "Amt")
        if not page.currency:
            page.currency = currency
        if currency != page.currency:
            raise BadValue("bad_value", f"It is in {currency}, its account in {page.currency}.")
        sign = _sign(facts.text("CdtDbtInd"))
        status = facts.text("Sts/Cd", "Sts")
        if status not in _STATES:
            raise BadValue("unknown_type", f"The status {status[:20]!r} is unknown.")
        found = self.found
        declared = 0
        if any(name.startswith("NtryDtls/Btch") for name in facts):
            for batch in self.at.all(element, "NtryDtls/Btch"):
                inner = self._facts(batch)
                number = inner.text("NbOfTxs")
                declared += columns.count_of(number, "NbOfTxs") if number else 0
                self._prove_batch(inner, minor, currency, line)
        charges = 0
        if any(name.startswith("Chrgs") for name in facts):
            charges = self._charges(element, currency, line)
        entry = Entry(
            no=line, position=page.entries, page=len(self.statement.pages) - 1,
            booked_on=self._day(facts.text("BookgDt/Dt", "BookgDt/DtTm")),
            value_date=self._day(facts.text("ValDt/Dt", "ValDt/DtTm")),
            minor=sign * minor, currency=currency,
            is_reversal=_flag(facts.text("RvslInd"), "RvslInd"), status=status,
            bank_reference=facts.text("AcctSvcrRef"), entry_reference=facts.text("NtryRef"),
            code=_code(facts), text=_clean(facts.text("AddtlNtryInf")), charges_minor=charges,
            batch_count=declared or found.count or 1, detail_count=found.count,
            details=tuple(found.details),
        )  # fmt: skip
        self._prove_details(entry, found, declared)
        return entry

    def _prove_batch(self, batch: _Facts, minor: int, currency: str, line: int) -> None:
        if batch.get("TtlAmt@Ccy") != currency:
            return
        total, _currency = self._amount(batch, "TtlAmt")
        if total > minor and "batch" not in self.warned:
            self.warned.add("batch")
            self.statement.warn(
                "total_differs", line,
                f"A collective booking of {from_minor(total, currency)} is more than its entry of "
                f"{from_minor(minor, currency)} {currency}.",
            )  # fmt: skip

    def _prove_details(self, entry: Entry, found: _Found, declared: int) -> None:
        if not found.count:
            return
        if declared and declared != found.count:
            self.statement.warn(
                "count_differs", entry.no,
                f"Entry {entry.position} declares {declared} transactions and tells of "
                f"{found.count}.",
            )  # fmt: skip
        if found.is_summed and found.minor not in {
            entry.minor, entry.minor + entry.charges_minor,
        }:  # fmt: skip
            self.statement.warn(
                "total_differs", entry.no,
                f"The transactions of entry {entry.position} add up to "
                f"{from_minor(found.minor, entry.currency)} {entry.currency}, the entry is "
                f"{from_minor(entry.minor, entry.currency)}.",
            )  # fmt: skip

    def _charges(self, element: Element, currency: str, line: int) -> int:
        """Return what the bank kept of an entry, in the entry's currency."""
        at = self.at
        records = at.all(element, "Chrgs/Rcrd") or [
            one for one in at.all(element, "Chrgs") if at.one(one, "Amt") is not None
        ]
        charged = 0
        for record in records:
            facts = self._facts(record)
            minor, of = self._amount(facts, "Amt")
            if of == currency:
                side = facts.text("CdtDbtInd")
                charged -= minor * (_sign(side) if side else -1)
            elif "charges" not in self.warned:
                self.warned.add("charges")
                self.statement.warn(
                    "bad_value", line, f"Charges in {of} are not counted to an entry in {currency}."
                )
        return charged

    def _detail(self, element: Element) -> None:
        """Count a transaction and keep it. What is wrong in it is told with its entry."""
        found = self.found
        found.count += 1
        try:
            detail = self._read_detail(element)
        except BadValue as error:
            found.is_summed = False
            self.statement.error(
                error.code, element.sourceline or 0, f"Transaction {found.count}: {error}"
            )
            return
        entry_currency = self._currency_of_entry(element)
        if detail.minor is None or detail.currency != entry_currency:
            found.is_summed = False
        else:
            found.minor += detail.minor
        if len(found.details) < MOST_DETAILS:
            found.details.append(detail)

    def _entry_of(self, element: Element) -> Element:
        while _local(element) != "Ntry":
            element = element.getparent()
        return element

    def _currency_of_entry(self, element: Element) -> str:
        amount = self.at.one(self._entry_of(element), "Amt")
        return amount.get("Ccy", "") if amount is not None else ""

    def _read_detail(self, element: Element) -> Detail:
        facts = self._facts(element)
        side = facts.text("CdtDbtInd") or self.at.text(self._entry_of(element), "CdtDbtInd")
        sign = _sign(side)
        minor, currency = None, ""
        for way in ("Amt", "AmtDtls/TxAmt/Amt"):
            if way in facts:
                absolute, currency = self._amount(facts, way)
                minor = sign * absolute
                break
        instructed, instructed_currency = None, ""
        if "AmtDtls/InstdAmt/Amt" in facts:
            absolute, instructed_currency = self._amount(facts, "AmtDtls/InstdAmt/Amt")
            instructed = sign * absolute
        party, account = ("Dbtr", "DbtrAcct") if sign > 0 else ("Cdtr", "CdtrAcct")
        texts = ""
        if "RmtInf/Ustrd" in facts:
            texts = " ".join(one.text or "" for one in self.at.all(element, "RmtInf/Ustrd"))
        end_to_end = facts.text("Refs/EndToEndId")
        rate = facts.text(*_RATES)
        return Detail(
            minor=minor, currency=currency,
            end_to_end_id="" if end_to_end == "NOTPROVIDED" else end_to_end,
            bank_reference=facts.text("Refs/AcctSvcrRef"),
            counterparty=_clean(
                facts.text(f"RltdPties/{party}/Pty/Nm", f"RltdPties/{party}/Nm")
            ),
            counterparty_account=facts.text(
                f"RltdPties/{account}/Id/IBAN", f"RltdPties/{account}/Id/Othr/Id"
            ),
            remittance=_clean(texts) or _clean(facts.text("AddtlTxInf")),
            structured_reference=facts.text("RmtInf/Strd/CdtrRefInf/Ref"),
            instructed_minor=instructed, instructed_currency=instructed_currency,
            rate=columns.rate_of(rate) if rate else "",
            return_reason=facts.text("RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry"),
        )  # fmt: skip

    def _day(self, text: str) -> date | None:
        """Return the day of a date or time as its bank writes it, None where there is none."""
        if text not in self.days:
            found = _DAY.fullmatch(text)
            if len(self.days) >= columns.MOST_REMEMBERED:
                self.days.clear()
            self.days[text] = columns.date_of(found[1] if found else text, "Date") if text else None
        return self.days[text]

    def _amount(self, facts: _Facts, name: str) -> tuple[int, str]:
        """Return minor units and currency of an amount, which is never negative."""
        if name not in facts:
            raise BadValue("bad_amount", f"There is no {name}.")
        currency = facts[f"{name}@Ccy"]
        return self._minor(facts[name], currency), currency

    def _minor(self, text: str, currency: str) -> int:
        minor = self.money[currency][text][0]
        if minor < 0:
            raise BadValue("bad_amount", f"{text} is negative: CdtDbtInd says the direction.")
        return minor


def _sums_of(pages: list[Page], sides: str) -> list[tuple[int, int]]:
    """Return number and sum of the entries of some pages: all of them, and the booked ones."""
    booked = [0, 0]
    announced = [0, 0]
    for page in pages:
        sums = page.sums
        for side, name in ((sums.credits, "credits"), (sums.debits, "debits")):
            if sides in {name, "entries"}:
                booked[0] += side.count
                booked[1] += side.minor
        if sides == "entries":
            announced[0] += sums.announced.count
            announced[1] += sums.announced.minor
    return [
        (booked[0] + announced[0], booked[1] + announced[1]),
        (booked[0], booked[1]),
    ]


def _agrees(stated: tuple[int | None, int | None], found: tuple[int, int]) -> bool:
    return all(one is None or one == other for one, other in zip(stated, found, strict=True))


def _shown(minor: int | None, currency: str) -> str:
    return "no sum" if minor is None else f"{from_minor(minor, currency)} {currency}"


def _check_place(element: Element, name: str) -> None:
    """Refuse a file that was put together wrongly: money outside of its entry or statement."""
    above = [_local(one) for one in element.iterancestors()]
    if name in {"TxDtls", "Ntry"}:
        fits = above[:2] == ["NtryDtls", "Ntry"] if name == "TxDtls" else above[0] in _TAGS
    else:
        # The root was proved to be a Document, and holds one message.
        fits = len(above) == 2 or name == "Document"
    if not fits or name in above:
        raise refuse(
            "bad_value", element.sourceline or 1,
            f"{name} stands inside {above[0] if above else 'nothing'}, where no bank puts it. "
            "Ask the bank for the file again.",
        )  # fmt: skip


def _forget_before(element: Element) -> None:
    """Free an element that was read, and those of its name that stand before it.

    The element itself must stay in its place: the parser still holds on to it.
    """
    parent = element.getparent()
    element.clear()
    before = element.getprevious()
    while before is not None and before.tag == element.tag:
        parent.remove(before)
        before = element.getprevious()


def _why(parser: Any, error: etree.XMLSyntaxError, *, at_end: bool) -> tuple[str, int, str]:
    """Return code, line and words for what the parser stumbled over.

    Its own log holds the first trouble; the exception tells of the last, and its log of other
    documents' too.
    """
    line = error.lineno or 0
    text = "; ".join([*(one.message for one in parser.feed_error_log), str(error)])
    if "EntityRef" in text or "ntity" in text or "amplification" in text:
        return "bad_value", line, "The file uses an entity of its own, which is never resolved."
    if "ncoding" in text or "UTF-8" in text:
        return "bad_encoding", line, "A byte is not of the encoding that the file declares."
    if at_end and "Extra content" not in text:
        return "truncated", line, "The document ends too early. Ask the bank to send it again."
    return "bad_value", line, "The document is not well-formed XML. Ask for the file again."


def _sign(text: str) -> int:
    try:
        return _SIGNS[text]
    except KeyError:
        raise BadValue("bad_value", f"CdtDbtInd {text[:20]!r} is neither CRDT nor DBIT.") from None


def _flag(text: str, name: str) -> bool:
    try:
        return _FLAGS[text]
    except KeyError:
        raise BadValue("bad_value", f"{name} {text[:20]!r} is neither true nor false.") from None


def _code(facts: _Facts) -> str:
    """Return the kind of movement: domain, family and sub-family, else the bank's own."""
    parts = [facts.get(f"BkTxCd/Domn/{name}") for name in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd")]
    return "-".join(part for part in parts if part) or facts.text("BkTxCd/Prtry/Cd")


def _clean(text: str) -> str:
    """Return free text on one line."""
    return " ".join(text.split())
