"""Lines of a settlement file against the ledger: one pass, one look-up a line. Pure.

The ledger of a night is a dict of texts. A key names a movement, ``wallet US kind US ref``;
its value begins with what has to be equal, packed the same way for the line, so that a
match is one look-up and one comparison and no number is made of it. Only lines that differ
are taken apart. An entry that was used becomes an empty text, which tells a second line for
it at once; what is left at the end is missing in the settlement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import NamedTuple, Protocol

from portal.core import money
from wallets.formats.statement import NOT_A_PAYMENT, REFUND, SALE, Line, Statement

US = "\x1f"
CHUNK = 20_000

MATCHED = "matched"
DUPLICATE = "duplicate"
UNKNOWN_LOCATION = "unknown_location"
REFUND_WITHOUT_PAYMENT = "refund_without_payment"
MISSING_IN_LEDGER = "missing_in_ledger"
CURRENCY_MISMATCH = "currency_mismatch"
AMOUNT_MISMATCH = "amount_mismatch"
FEE_MISMATCH = "fee_mismatch"
MISSING_IN_SETTLEMENT = "missing_in_settlement"

LINKED = frozenset({MATCHED, CURRENCY_MISMATCH, AMOUNT_MISMATCH, FEE_MISMATCH})
"""The outcomes that use up a ledger entry."""


class Entry(NamedTuple):
    """A packed ledger entry, taken apart. All texts; amounts are minor-unit digits."""

    store: str
    currency: str
    gross: str
    settled_currency: str
    settled_gross: str
    fee: str
    id: str
    business_date: str
    due_on: str
    acquirer_id: str
    location_id: str
    fee_vat: str
    rate: str
    occurred_at: str
    merchant_ref: str


class Result(NamedTuple):
    """What became of a line, or of an entry without a line (``line`` is None).

    ``entry`` is the packed ledger entry that the line was compared with, or empty. ``key``
    names the movement where there is no line to name it.
    """

    outcome: str
    line: Line | None
    entry: str
    flags: str
    note: str
    key: str = ""


class Found(NamedTuple):
    """An entry outside the night's own: packed, and where it was settled before, if it was."""

    entry: str
    settled_in: str


class Ledger(Protocol):
    """What matching asks of the ledger."""

    entries: dict[str, str]

    def probe(self, keys: list[str]) -> Mapping[str, Found]:
        """Find movements of the feed outside the night's own, by key."""
        ...

    def known_stores(self, stores: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of the (wallet, store reference) pairs that are enrolled."""
        ...

    def widen(self, first: date, last: date) -> None:
        """Take in the entries of more business days."""
        ...


def unpack(packed: str) -> Entry:
    return Entry(*packed.split(US, 14))


def key_of(wallet: str, kind: str, ref: str) -> str:
    return f"{wallet}{US}{kind}{US}{ref}"


def match_statement(
    statement: Statement, lines: Iterable[Line], ledger: Ledger
) -> Iterator[list[Result]]:
    """Yield the results of a statement's lines; afterwards :func:`left_over` is complete.

    Some layouts state their period with every unit, so it can grow until the last line.
    """
    first, last = statement.period_from, statement.period_to
    yield from match(lines, ledger, first=first.isoformat(), last=last.isoformat())
    if (statement.period_from, statement.period_to) != (first, last):
        ledger.widen(statement.period_from, statement.period_to)


def match(
    lines: Iterable[Line], ledger: Ledger, *, first: str, last: str
) -> Iterator[list[Result]]:
    """Yield the results of the lines in file order, some thousand at a time.

    ``first`` and ``last`` are the business dates of the file's period, as ISO texts.
    Afterwards :func:`left_over` gives the entries that no line settled.
    """
    entries = ledger.entries
    strange: set[str] = set()
    stream = iter(lines)
    while chunk := list(islice(stream, CHUNK)):
        results: list[Result | None] = []
        open_questions: list[tuple[int, str, str]] = []
        for line in chunk:
            if line.kind == NOT_A_PAYMENT:
                results.append(Result(NOT_A_PAYMENT, line, "", "", ""))
                continue
            key = f"{line.wallet}{US}{line.kind}{US}{line.ref}"
            packed = entries.get(key)
            if packed and packed.startswith(
                f"{line.store}{US}{line.currency}{US}{line.gross}{US}"
                f"{line.settled_currency}{US}{line.settled_gross}{US}{line.fee}{US}"
            ):
                entries[key] = ""
                results.append(Result(MATCHED, line, packed, "", ""))
            elif packed == "":
                results.append(Result(DUPLICATE, line, "", "", "Settled by an earlier line."))
            elif packed and packed.startswith(line.store + US):
                entries[key] = ""
                results.append(_compare(line, packed, ""))
            else:
                open_questions.append((len(results), key, packed or ""))
                results.append(None)
        if open_questions:
            _answer(results, chunk, open_questions, ledger, strange, first, last)
        yield [result for result in results if result is not None]


def left_over(
    ledger: Ledger, *, currencies: set[str] | None = None, stores: set[str] | None = None
) -> list[Result]:
    """Return the entries of the night that no line settled, in the order of their ids.

    Only those in the settled ``currencies`` and at the ``stores`` that the file is about.
    """
    left = [(packed, key) for key, packed in ledger.entries.items() if packed]
    if currencies is not None:
        left = [pair for pair in left if pair[0].split(US, 4)[3] in currencies]
    if stores is not None:
        left = [pair for pair in left if pair[0].partition(US)[0] in stores]
    left.sort(key=lambda pair: int(pair[0].split(US, 7)[6]))
    note = "Due in this file and not in it."
    return [Result(MISSING_IN_SETTLEMENT, None, packed, "", note, key) for packed, key in left]


def _answer(
    results: list[Result | None],
    chunk: list[Line],
    questions: list[tuple[int, str, str]],
    ledger: Ledger,
    strange: set[str],
    first: str,
    last: str,
) -> None:
    """Settle the lines that need a look outside the night's own entries, in order."""
    unknown = [key for _place, key, packed in questions if not packed]
    asked = [chunk[place] for place, _key, _packed in questions]
    originals = {
        key_of(line.wallet, SALE, line.original_ref)
        for line in asked
        if line.kind == REFUND and line.original_ref
    }
    found = ledger.probe(sorted({*unknown, *(originals - ledger.entries.keys())}))
    stores = ledger.known_stores({(line.wallet, line.store) for line in asked})
    for place, key, packed in questions:
        line = chunk[place]
        elsewhere = found.get(key)
        # With an entry in hand the line came before any that used it up.
        if not packed and (key in strange or ledger.entries.get(key) == ""):
            result = Result(DUPLICATE, line, "", "", "Settled by an earlier line.")
        elif elsewhere and elsewhere.settled_in:
            result = Result(DUPLICATE, line, "", "", f"Settled before: {elsewhere.settled_in}.")
        elif (line.wallet, line.store) not in stores:
            note = f"No location is enrolled as {line.store}."
            result = Result(UNKNOWN_LOCATION, line, "", "", note)
        elif packed or elsewhere:
            packed = packed or (elsewhere.entry if elsewhere else "")
            result = _found_elsewhere(line, key, packed, ledger, first, last)
        else:
            strange.add(key)
            original = key_of(line.wallet, SALE, line.original_ref)
            if line.kind == REFUND and not (original in ledger.entries or original in found):
                note = "The payment it refunds is unknown."
                result = Result(REFUND_WITHOUT_PAYMENT, line, "", "", note)
            else:
                result = Result(MISSING_IN_LEDGER, line, "", "", "Not in our ledger.")
        results[place] = result


def _found_elsewhere(
    line: Line, key: str, packed: str, ledger: Ledger, first: str, last: str
) -> Result:
    entry = unpack(packed)
    if entry.store != line.store:
        note = f"Taken at {entry.store}, settled for {line.store}."
        return Result(UNKNOWN_LOCATION, line, "", "other_location", note)
    ledger.entries[key] = ""
    flag = "late" if entry.business_date < first else "early" if entry.business_date > last else ""
    return _compare(line, packed, flag)


def _compare(line: Line, packed: str, flag: str) -> Result:
    """Name the first difference; the others become flags."""
    entry = unpack(packed)
    differences = []
    notes = []
    if (line.currency, line.settled_currency) != (entry.currency, entry.settled_currency):
        differences.append(CURRENCY_MISMATCH)
        notes.append(
            f"Settled as {line.currency} paid out in {line.settled_currency}, expected "
            f"{entry.currency} paid out in {entry.settled_currency}."
        )
    else:
        if line.gross != entry.gross:
            differences.append(AMOUNT_MISMATCH)
            notes.append(_difference("Amount", line.gross, entry.gross, line.currency))
        elif line.settled_gross != entry.settled_gross:
            differences.append(AMOUNT_MISMATCH)
            notes.append(
                _difference(
                    "Converted amount", line.settled_gross, entry.settled_gross,
                    line.settled_currency,
                )
            )  # fmt: skip
        if line.fee != entry.fee:
            differences.append(FEE_MISMATCH)
            notes.append(_difference("Fee", line.fee, entry.fee, line.settled_currency))
    if not differences:
        return Result(MATCHED, line, packed, flag, "")
    flags = " ".join(filter(None, [flag, *differences[1:]]))
    return Result(differences[0], line, packed, flags, " ".join(notes))


def _difference(what: str, settled: str, expected: str, currency: str) -> str:
    more = int(settled) - int(expected)
    word = "more" if more > 0 else "less"
    return (
        f"{what} {money.from_minor(abs(more), currency)} {currency} {word} than expected: "
        f"{money.from_minor(int(settled), currency)} instead of "
        f"{money.from_minor(int(expected), currency)}."
    )
