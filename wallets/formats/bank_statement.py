"""The one shape every bank layout becomes. Pure; no Django.

``read(path, options) -> BankStatement``. Entries stream once; pages, sums and problems are
complete when the stream has ended. Every record of a file is an entry, something that belongs to
a page, or a problem. Amounts are minor units: money to the account is +.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from portal.core.money import from_minor
from wallets.formats.columns import MOST_ERRORS
from wallets.formats.statement import Problem, refuse

BOOKED = "BOOK"
"""The one status of money that has moved; PDNG, INFO and FUTR announce."""

MOST_DETAILS = 1_000
"""So many details of a collective entry are kept; all are counted and summed."""


class Detail(NamedTuple):
    """One transaction inside an entry. ``minor`` is signed, None where only the entry says it.

    ``instructed_minor`` is what was sent before a conversion at ``rate``.
    """

    minor: int | None
    currency: str
    end_to_end_id: str
    bank_reference: str
    counterparty: str
    counterparty_account: str
    remittance: str
    structured_reference: str
    instructed_minor: int | None = None
    instructed_currency: str = ""
    rate: str = ""
    return_reason: str = ""


class Entry(NamedTuple):
    """One line of an account.

    ``no`` is its line in the file, ``position`` its number within the page, both from 1; ``page``
    is the index into ``BankStatement.pages``. A reversal has the sign of its own money.
    ``batch_count`` is how many transactions the bank says it holds, ``detail_count`` how many
    the file tells of, of which ``details`` keeps up to MOST_DETAILS. ``charges_minor`` is what
    the bank kept, + when charged. ``code`` is the bank's kind of movement.
    """

    no: int
    position: int
    page: int
    booked_on: date | None
    value_date: date | None
    minor: int
    currency: str
    is_reversal: bool
    status: str
    bank_reference: str
    entry_reference: str
    code: str
    text: str
    charges_minor: int
    batch_count: int
    detail_count: int
    details: tuple[Detail, ...]

    @property
    def is_booked(self) -> bool:
        return self.status == BOOKED

    @property
    def end_to_end_id(self) -> str:
        """The sender's id, where the entry is one transaction. Others may have the same."""
        return self.details[0].end_to_end_id if len(self.details) == 1 else ""

    @property
    def structured_reference(self) -> str:
        return self.details[0].structured_reference if len(self.details) == 1 else ""

    @property
    def counterparty(self) -> str:
        return self.details[0].counterparty if len(self.details) == 1 else ""

    @property
    def remittance(self) -> str:
        """All free text of the entry, in the file's order."""
        texts = [detail.remittance for detail in self.details if detail.remittance]
        return " ".join([*texts, self.text] if self.text else texts)


@dataclass(slots=True)
class Side:
    """Credits or debits of a page: how many and how much, never negative."""

    count: int = 0
    minor: int = 0

    def add(self, minor: int) -> None:
        self.count += 1
        self.minor += abs(minor)


@dataclass(slots=True)
class Sums:
    """What really stands in a page. Only booked entries move the balance."""

    credits: Side = field(default_factory=Side)
    debits: Side = field(default_factory=Side)
    announced: Side = field(default_factory=Side)

    def add(self, entry: Entry) -> None:
        if not entry.is_booked:
            self.announced.add(entry.minor)
        elif entry.minor < 0:
            self.debits.add(entry.minor)
        else:
            self.credits.add(entry.minor)

    @property
    def net_minor(self) -> int:
        return self.credits.minor - self.debits.minor


@dataclass(slots=True)
class Page:
    """One statement, or one page of it, of one account in one currency.

    Balances are signed minor units, None where the page states none. ``number`` and ``is_last``
    are the page within its statement; a statement that is not paged is page 1 and the last.
    """

    account: str
    currency: str
    statement_id: str = ""
    sequence: int | None = None
    number: int = 1
    is_last: bool = True
    is_copy: bool = False
    owner: str = ""
    bank: str = ""
    from_day: date | None = None
    to_day: date | None = None
    opening_minor: int | None = None
    closing_minor: int | None = None
    sums: Sums = field(default_factory=Sums)
    entries: int = 0
    line_no: int = 0

    @property
    def is_paged(self) -> bool:
        return self.number != 1 or not self.is_last

    @property
    def chain(self) -> tuple[str, ...]:
        """What pages of one statement have in common."""
        name = self.statement_id if self.sequence is None else f"#{self.sequence}"
        return self.account, self.currency, name


@dataclass
class BankStatement:
    """A bank's file being read.

    ``identity`` is account and statement of the first page, equal for a file that is sent
    twice. ``layout`` is the version that was found. ``has_balances``: its pages state them (a
    notification does not).
    """

    identity: str
    layout: str
    entries: Iterator[Entry]
    has_balances: bool = True
    pages: list[Page] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    records: int = 0
    _errors: int = 0

    def warn(self, code: str, line_no: int, text: str) -> None:
        self.problems.append(Problem(code, line_no, text, is_error=False))

    def error(self, code: str, line_no: int, text: str) -> None:
        """Note an error; too many of them end the reading."""
        self._errors += 1
        if self._errors > MOST_ERRORS:
            raise refuse(
                code, line_no, f"More than {MOST_ERRORS} errors; this file is not read further."
            )
        self.problems.append(Problem(code, line_no, text))

    @property
    def has_errors(self) -> bool:
        return self._errors > 0


def prove_balances(statement: BankStatement) -> None:
    """Prove opening + booked = closing, for each statement over all of its pages.

    A statement of which pages are absent is a warning: they come in other files. An unreadable
    entry explains a difference, so then nothing is said.
    """
    chains: dict[tuple[str, ...], list[Page]] = {}
    for position, page in enumerate(statement.pages):
        key = page.chain if page.is_paged else (*page.chain, str(position))
        chains.setdefault(key, []).append(page)
    for pages in chains.values():
        _prove(statement, sorted(pages, key=lambda page: page.number))


def _is_whole(page: Page) -> bool:
    opening, closing = page.opening_minor, page.closing_minor
    return opening is not None and closing == opening + page.sums.net_minor


def _prove(statement: BankStatement, pages: list[Page]) -> None:
    first, last = pages[0], pages[-1]
    name = f"{first.account} {first.statement_id}".strip()
    numbers = [page.number for page in pages]
    if numbers != list(range(1, len(pages) + 1)) or not last.is_last:
        if len(pages) == 1 and _is_whole(first):
            return  # the message is paged, this account's statement is not
        statement.warn(
            "truncated", first.line_no,
            f"Of {name} this file has page {', '.join(map(str, numbers))} only: balances are not "
            "proved. Look for the other pages.",
        )  # fmt: skip
        return
    if not statement.has_balances or statement.has_errors:
        return
    opening, closing = first.opening_minor, last.closing_minor
    if opening is None or closing is None:
        word = "opening" if opening is None else "closing"
        statement.warn(
            "bad_value", first.line_no, f"{name} states no {word} balance: it cannot be proved."
        )
        return
    reached = opening + sum(page.sums.net_minor for page in pages)
    if reached != closing:
        currency = first.currency
        statement.error(
            "total_differs", last.line_no,
            f"{name} opens with {from_minor(opening, currency)} {currency} and its entries lead "
            f"to {from_minor(reached, currency)}, but it closes with "
            f"{from_minor(closing, currency)}. Ask the bank for the file again.",
        )  # fmt: skip
