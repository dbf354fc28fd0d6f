"""The one shape every settlement layout becomes. Pure; no Django.

``read(path, options) -> Statement``. A statement streams its lines once; problems,
batches and totals are complete when the stream has ended. Nothing unreadable becomes
zero and nothing is skipped uncounted: ``records = lines + others + problem records``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

SALE = "sale"
REFUND = "refund"
NOT_A_PAYMENT = "not_a_payment"


class Line(NamedTuple):
    """One settled payment, refund or other movement, as canonical text.

    Amounts are signed minor-unit digits from the merchant's view (sale +, refund -);
    a fee is + when charged. ``currency`` is the price currency of ``gross``;
    ``settled_*`` are in ``settled_currency`` (equal to ``currency`` unless converted).
    ``net`` is settled gross less fee. ``store`` is the wallet's own reference of the
    location. ``occurred_at`` is ISO 8601 with offset, or empty; ``wallet`` is the code of
    the paying wallet. ``batch`` is the index into ``Statement.batches``.
    """

    no: int
    batch: int
    wallet: str
    kind: str
    ref: str
    store: str
    currency: str
    gross: str
    settled_currency: str
    settled_gross: str
    fee: str
    net: str
    rate: str
    merchant_ref: str
    occurred_at: str
    original_ref: str


@dataclass(slots=True)
class Batch:
    """A settlement inside a file: what the partner pays as one sum.

    ``declared_*`` are minor units as the file states them, None where it states none.
    """

    ref: str
    wallet: str
    currency: str
    value_date: date | None = None
    declared_count: int | None = None
    declared_gross_minor: int | None = None
    declared_fee_minor: int | None = None
    declared_net_minor: int | None = None


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file. An error refuses the whole file, a warning goes on.

    ``code`` is stable and documented, ``line_no`` counts from 1 (0 = the file itself),
    ``text`` says in words what is wrong and what to do.
    """

    code: str
    line_no: int
    text: str
    is_error: bool = True


class Unreadable(Exception):
    """Raised by a reader that cannot go on; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def refuse(code: str, line_no: int, text: str) -> Unreadable:
    """Return the exception for a file that cannot be read further."""
    return Unreadable(Problem(code, line_no, text))


@dataclass
class Statement:
    """A settlement file being read.

    ``identity`` is the partner's own name for it (period, sequence), equal for a re-sent
    and a corrected version. ``period_from``/``period_to`` are business dates, both
    included. ``lines`` can be iterated once; ``others`` counts headings, trailers and
    folded fee rows. ``sequence`` is the partner's running number of the file, counted
    within ``sequence_of`` (a participant, a sale unit), None where it has none. A
    ``is_summary`` file only declares totals of batches that other files bring: it settles
    nothing, and its rows are no payments.

    Where a partner leaves several files about one day, one a currency or one a sale unit,
    ``covers_currencies`` (settled) or ``covers_stores`` say what a file is about, complete when
    the stream has ended: what it is silent about is not missing in it. None: all of the feed.
    """

    identity: str
    period_from: date
    period_to: date
    lines: Iterator[Line]
    batches: list[Batch] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    records: int = 0
    others: int = 0
    sequence: int | None = None
    sequence_of: str = ""
    is_summary: bool = False
    covers_currencies: set[str] | None = None
    covers_stores: set[str] | None = None

    def warn(self, code: str, line_no: int, text: str) -> None:
        self.problems.append(Problem(code, line_no, text, is_error=False))


@dataclass(frozen=True)
class Room:
    """What a layout has room for, so that nothing is lost in silence when it is written.

    ``other_movements``: rows that are no payments. ``originals``: which payment a refund is
    of. ``totals``: sums that can lie. ``fees``: what the partner keeps. ``one_currency``: no
    line of a file has another currency than the file. ``one_day``: a file is about one
    business day, and older payments are late in it. ``says_its_days``: else a file speaks of
    whatever days its lines are of. ``about``: what the name of a file must say besides, with
    {partner_id}, {day:%Y%m%d}, {batch} and {currency} filled in. ``unwritable``: characters
    that no text of it can hold, beside those that its ``encoding`` has not.
    """

    other_movements: bool = True
    originals: bool = True
    totals: bool = True
    fees: bool = True
    one_currency: bool = False
    one_day: bool = False
    says_its_days: bool = True
    about: str = ""
    unwritable: str = ""
    encoding: str = "utf-8"


@dataclass
class Sheet:
    """What a partner is about to write: the input of every layout's ``write``.

    ``lines`` are canonical lines in file order (``no`` is ignored, ``batch`` indexes
    ``batches``); a line whose ``kind`` is ``not_a_payment`` is written as the layout
    writes payouts or fees. The writer computes the declared totals from the lines and
    adds ``misstate_minor`` to the first declared sum, so that a lying total can be made.
    ``number`` is the partner's running settlement number, ``made_on`` the day of writing.
    """

    wallet: str
    number: int
    period_from: date
    period_to: date
    made_on: date
    batches: list[Batch]
    lines: list[Line]
    misstate_minor: int = 0
