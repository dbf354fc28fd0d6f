"""Reads settlement files a block at a time, where a block proves to be plain. Pure.

A block is some hundred kilobytes of whole lines. One pattern, made from the cells that a layout
declares, proves the shape of line after line: ids, words, decimals, times, the number of cells.
What it covers is cut into cells at once and taken by column: amounts become integers, arithmetic,
signs and dates are proved over whole columns, sums are added to the batches and the lines are
built, without a step of Python for each line.

Nothing is decided here that a layout's strict path would decide otherwise. What does not prove
plain (another record, a new batch, an empty cell where one is needed, a quote, a wrong sum, a byte
that is no text) is handed to the strict path line by line, which takes it or names the problem
with its line number. So a cell declared here may be narrower than what the layout takes, never
wider.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice, product, repeat
from operator import add, eq, mul, ne, or_, sub
from pathlib import Path
from string import ascii_uppercase
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from portal.core.money import EXPONENTS
from wallets.formats import columns
from wallets.formats.columns import LineReader, Reading
from wallets.formats.statement import NOT_A_PAYMENT, REFUND, SALE, Line

BLOCK_BYTES = 1 << 16
LEAST_BYTES = 2048
"""A smaller block is read strictly: there is nothing to save."""
SHORT_RUN = 32
"""Fewer plain lines than this in a row, and the strict path is given more lines at a time."""
MOST_STRICT = 256
MOST_DAYS = 1_000


# -- the file ------------------------------------------------------------------------------


class Records:
    """The lines of a text file with their numbers: one by one, strictly, or by the block.

    Iterating is what columns.physical_lines does, and refuses the same.
    """

    def __init__(
        self, path: Path, options: dict[str, Any], *, encodings: tuple[str, ...] = ("utf-8",)
    ) -> None:
        columns.check_size(path, options)
        self.reader = LineReader(encodings)
        self._pieces = _pieces(path)
        self._raw, self._lines = b"", list[bytes]()
        self._size = self._at = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        if self._at >= self._size and not self._load():
            raise StopIteration
        if not self._lines:
            self._lines = self._raw.split(b"\n")
        at, self._at = self._at, self._at + 1
        # Only what stands behind the last line end has none.
        end = b"\n" if at + 1 < len(self._lines) else b""
        return self.reader.number + 1, self.reader.text(self._lines[at] + end)

    def _load(self) -> bool:
        self._raw = next(self._pieces, b"")
        self._lines, self._at = [], 0
        self._size = self._raw.count(b"\n") + (self._raw[-1:] not in (b"\n", b""))
        return self._size > 0

    def blocks(self) -> Iterator[str | None]:
        """Yield what is left of the file by the block, as text with LF as line end.

        None stands for a block that is not to be taken as a whole. Its lines must be passed, by
        :meth:`strictly` or :meth:`skip`, before the next block is asked for.
        """
        while self._at < self._size or self._load():
            yield self._text()

    def _text(self) -> str | None:
        raw = b"\n".join(self._lines[self._at :]) if self._at else self._raw
        if (
            len(raw) < LEAST_BYTES or raw[-1:] != b"\n" or b"\0" in raw or not self.reader.number
        ):  # fmt: skip
            return None
        try:
            text = raw.decode(self.reader.encoding)
        except UnicodeDecodeError:
            return None
        return text.replace("\r\n", "\n") if "\r" in text else text

    def strictly(self, most: int | None = None) -> Iterator[tuple[int, str]]:
        """Yield the next lines of this block, so many or all that are left."""
        left = self._size - self._at
        return islice(self, left if most is None else min(most, left))

    def scanned(self) -> Iterator[tuple[str, Iterable[tuple[int, str]]]]:
        """Yield the rest of the file by the block, for a first look; each is passed by itself.

        Where a block is not to be taken as a whole there is no text but its lines, strictly.
        """
        for text in self.blocks():
            if text is None or max(map(len, text.split("\n"))) > columns.LONGEST_LINE // 4:
                yield "", self.strictly()
            else:
                yield text, ()
                self.skip(self._size - self._at)

    def skip(self, lines: int) -> None:
        """Pass lines that were taken as a whole."""
        self._at += lines
        self.reader.number += lines


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces that end at a line's end."""
    with path.open("rb") as file:
        while raw := file.read(BLOCK_BYTES):
            if raw[-1:] != b"\n":
                raw += file.readline(columns.LONGEST_LINE + 1)
            yield raw


def parts(
    records: Records,
    plan: Plan,
    each: Callable[..., Iterator[Line]],
    take: Callable[[int, str], Line | None],
) -> Iterator[Iterable[Line]]:
    """Yield the lines of the rest of a file in parts: plain runs as a whole, others strictly.

    ``each`` and ``take`` are the strict path (see Reading.each). A part must be gone through
    before the next one is asked for, as itertools.chain does.
    """
    for text in records.blocks():
        if text is None:
            yield each(records.strictly(), take)
            continue
        at, strict = 0, 1
        while at < len(text):
            run = plan.run(text, at, records.reader.number + 1)
            if run.lines is not None:
                records.skip(run.taken)
                plan.passed(records.reader.number, run.taken)
                yield run.lines
                at = run.end
                strict = min(2 * strict, MOST_STRICT) if run.taken < SHORT_RUN else 1
                if at == len(text):
                    break
            else:
                strict = max(strict, run.taken)
            for _line in range(strict):
                at = text.find("\n", at) + 1
                if at in (0, len(text)):
                    at = len(text)
                    break
            yield each(records.strictly(strict), take)


# -- what a layout declares ----------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """A cell as a layout declares it: what it is, the field that it becomes, its shape.

    In a shape ``<sign>`` stands for a visible character and ``<text>`` for one that may also be
    a space. ``words`` are pairs of a word and its meaning, ``of`` is the field whose currency an
    amount is in, ``only`` says of which lines a cell is taken, ``width`` is for fixed fields.
    """

    what: str
    name: str = ""
    shape: str = ""
    words: tuple[tuple[str, str], ...] = ()
    of: str = ""
    only: str = ""
    width: int = 0


_CLOCK = "[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
_LAST_HOUR = "23"


def unread(name: str = "") -> Cell:
    """A cell that the layout does not look at, or in a few lines, by name and as it stands."""
    return Cell("unread", name, "<text>{0,200}+")


def named(name: str, codes: Mapping[str, str]) -> Cell:
    """A name that stands for one of our codes; Plan.cut gives the code."""
    return Cell("named", name, _one_of(codes), tuple((one, str(codes[one])) for one in codes))


def constant(*words: str) -> Cell:
    """A cell that holds one of these words, or else the line is not plain."""
    return Cell("constant", shape=_one_of(words))


def ident(name: str, *, needed: bool = True) -> Cell:
    """An id: see columns.id_of."""
    return Cell("id", name, "<sign>{1,64}+" if needed else "<sign>{0,64}+")


def never(cell: Cell, word: str) -> Cell:
    """The same cell, but not plain where it is this word: another record begins so."""
    return replace(cell, shape=f"(?!{re.escape(word)}<delimiter>){cell.shape}")


def text(name: str, *, only: str = "") -> Cell:
    """A text without outer spaces: see columns.text_of. ``only`` a kind has it."""
    return Cell("text", name, "<text>{0,140}+", only=only)


def kind(words: dict[str, str]) -> Cell:
    """The word that says whether a line is a sale, a refund or no payment."""
    return Cell("kind", "kind", _one_of(words), tuple(words.items()))


def currency(name: str = "currency") -> Cell:
    return Cell("currency", name)


def amount(name: str, of: str = "currency") -> Cell:
    """An amount in the currency of another cell; mark, sign and decimals are the writing's."""
    return Cell("amount", name, of=of)


def charge(name: str, of: str = "currency") -> Cell:
    """One of the amounts that are a line's fee together: negative when charged, or nothing."""
    return Cell("charge", name, of=of)


def charge_currency(charge: str) -> Cell:
    """The currency of a charge, or nothing."""
    return Cell("charge_currency", f"currency of {charge}", "(?>[A-Z]{3}|)")


def rate(*, only: str = "") -> Cell:
    """An exchange rate, or nothing: see columns.rate_of. ``only="converted"`` lines have it."""
    return Cell("rate", "rate", "[0-9.]{0,17}+", only=only)


def instant(name: str = "instant") -> Cell:
    """A time with offset, as a line has it, or nothing: see columns.instant_of."""
    return Cell("instant", name, "[0-9T:+.-]{0,40}+")


def date(name: str) -> Cell:
    """A day without an hour, as the plan says days are written; the layout proves it."""
    return Cell("date", name, "<day>")


def day() -> Cell:
    """A day, as the plan says days are written; its hour stands in another cell."""
    return Cell("day", "day", "<day>")


def hour(*, colons: bool = True) -> Cell:
    """An hour, as 12:30:00 or 123000."""
    return Cell("hour", "hour", _CLOCK if colons else _CLOCK.replace(":", ""))


def moment(*, utc: bool = False) -> Cell:
    """Day, space and hour in one cell; in UTC with a Z behind it, else of the plan's zone."""
    return Cell("moment", "moment", f"<day> {_CLOCK}{'Z' if utc else ''}")


def _one_of(words: Iterable[str]) -> str:
    longest_first = sorted(words, key=len, reverse=True)
    if len(longest_first[0]) == 1:
        return f"[{re.escape(''.join(longest_first))}]"
    return f"(?>{'|'.join(re.escape(word) for word in longest_first)})"


@dataclass(frozen=True)
class Writing:
    """How a layout writes cells, amounts and days.

    ``short``: amounts have as few decimals as say them, at least one. ``unsigned``: the kind
    turns them. ``minor``: they are a sign and 14 digits of minor units. ``whole``: they are as
    many digits of minor units as say them.
    """

    delimiter: str
    mark: str = "."
    short: bool = False
    unsigned: bool = False
    minor: bool = False
    whole: bool = False
    day: str = "%Y-%m-%d"
    end: str = "\n"

    @property
    def day_size(self) -> int:
        return len(self.day.replace("%Y", "0000").replace("%m", "00").replace("%d", "00"))

    def amount(self, decimals: int) -> str:
        """Return the shape of an amount, "" where such decimals are left to the strict path."""
        sign = "" if self.unsigned else "-?+"
        if self.minor:
            # Thirteen digits and no more: see LARGEST_MINOR.
            return "[+-]0[0-9]{13}"
        if self.whole:
            return f"{sign}[0-9]{{1,12}}+"
        if decimals == 2:
            digits = "{1,2}+" if self.short else "{2}"
            return f"{sign}[0-9]{{1,10}}+{re.escape(self.mark)}[0-9]{digits}"
        return "" if decimals or self.short else f"{sign}[0-9]{{1,10}}+"


_VISIBLE = "".join(map(chr, range(33, 127)))


@lru_cache(maxsize=64)
def pattern_of(cells: tuple[Cell, ...], writing: Writing, ascii_only: bool) -> re.Pattern[str]:
    """Return the pattern of any number of whole plain lines.

    Nothing in it is tried again once it has matched, so that it goes over a block once.
    """
    delimiter, end = re.escape(writing.delimiter), re.escape(writing.end)
    signs = re.escape("".join(one for one in _VISIBLE if one not in f'"{writing.delimiter}'))
    stands_for = {
        "<delimiter>": delimiter,
        "<sign>": f"[{signs}]",
        "<text>": f"[ {signs}]" if ascii_only else rf'[^\x00-\x1f\x7f"{delimiter}]',
        # Which of them are days is proved later, for each different one.
        "<day>": f"[0-9/.-]{{{writing.day_size}}}",
    }  # fmt: skip
    currencies = [cell.name for cell in cells if cell.what == "currency"]
    rows = []
    # Amounts in minor units are written in one way, whatever their currency.
    choices = [(2, "[A-Z]{3}")] if writing.minor or writing.whole else _codes()
    for codes in product(choices, repeat=len(currencies)):
        of = dict(zip(currencies, codes, strict=True))
        shapes = []
        for cell in cells:
            shape = cell.shape
            if cell.what == "amount":
                shape = writing.amount(of[cell.of][0])
            elif cell.what == "charge":
                amount_shape = writing.amount(of[cell.of][0])
                shape = amount_shape and f"(?>{amount_shape}|)"
            elif cell.what == "currency":
                shape = of[cell.name][1]
            for word, meant in stands_for.items():
                shape = shape.replace(word, meant)
            shapes.append(shape)
        if all(shapes):
            rows.append(f"(?>{delimiter.join(shapes)}{end})")
    return re.compile(f"(?>{'|'.join(rows)})*+")


def _codes() -> list[tuple[int, str]]:
    """Return the decimals of currencies with the shape of their codes, the usual first.

    Most have two decimals; whether the portal knows such a code is proved later.
    """
    letters = {code[0] for code in EXPONENTS if EXPONENTS[code] != 2}
    others = "".join(one for one in ascii_uppercase if one not in letters)
    found = [(2, f"[{others}][A-Z]{{2}}")]
    for decimals in sorted(set(EXPONENTS.values()), reverse=True):
        codes = [code for code in EXPONENTS if EXPONENTS[code] == decimals and code[0] in letters]
        if codes:
            found.append((decimals, _one_of(codes)))
    return found


# -- taking runs of plain lines ------------------------------------------------------------


class Run(NamedTuple):
    """What came of a run: its lines, how many, and where it ends in the block.

    Without lines (None) so many are to be read strictly.
    """

    lines: Iterable[Line] | None
    taken: int
    end: int = 0


class Money(NamedTuple):
    """The proved amounts of a run, by column: minor units to add up, digits for the lines."""

    kinds: list[str]
    paid: list[int]
    fee: list[int]
    gross_texts: Iterable[str]
    paid_texts: Iterable[str]
    fee_texts: Iterable[str]
    net_texts: Iterable[str]


class NotPlain(ValueError):
    """A run whose columns do not prove: the strict path goes over it line by line."""


_SIGNS = {SALE: 1, REFUND: -1, NOT_A_PAYMENT: 0}
_TURNS = {SALE: 1, REFUND: -1, NOT_A_PAYMENT: 1}
_HUNDREDTHS = {
    **{f"{tenth}": f"{tenth}0" for tenth in range(10)},
    **{f"{both:02d}": f"{both:02d}" for both in range(100)},
}


@dataclass
class Plan:
    """How the plain lines of one file become lines, and what they must prove.

    ``cells`` stand in the order of the file. ``fixed`` holds what is the same in every line.
    ``key`` names the fields by which Reading.known finds a line's batch. Where a layout has no
    such cell, the settled currency is the sale's, the settled gross the gross, the net gross
    less fee. ``ready`` says whether a plain line may stand here, ``passed`` is told the number
    of the last line of a run and how many it has. ``known`` stands in for Reading.known.

    A layout whose amounts or times stand in other cells says how they are taken by overriding
    :meth:`money`, :meth:`fields` or :meth:`times`; :meth:`noted` is told what was taken.
    """

    reading: Reading
    cells: Sequence[Cell]
    writing: Writing
    key: tuple[str, ...]
    fixed: dict[str, str] = field(default_factory=dict)
    zone: ZoneInfo | None = None
    ready: Callable[[], bool] = lambda: True
    passed: Callable[[int, int], None] = lambda number, lines: None
    known: dict[tuple[str, ...], int] | None = None

    def __post_init__(self) -> None:
        self.days = Days(self.writing.day, self.zone)
        self.declare(self.cells)

    def declare(self, cells: Sequence[Cell]) -> None:
        """Take other cells from now on, as where headings come again."""
        self.cells = tuple(cells)
        self.words = {
            word: meant for cell in self.cells if cell.what == "kind" for word, meant in cell.words
        }
        self.codes = {cell.name: dict(cell.words) for cell in self.cells if cell.what == "named"}
        self.signs = {word: _SIGNS[meant] for word, meant in self.words.items()}
        self.turns = {word: _TURNS[meant] for word, meant in self.words.items()}
        self.only = {cell.name: cell.only for cell in self.cells}

    def run(self, block: str, start: int, number: int, end: int = sys.maxsize) -> Run:
        """Take as many plain lines of a block as follow each other from here."""
        cut = self.cut(block, start, end) if self.ready() else None
        if cut is None:
            return Run(None, 1)
        of, count, end = cut
        keys = self._keys(of)
        opened = self._opened(of, keys, count)
        if opened < count:
            # The strict path opens a batch; what stands before it is taken first.
            if not opened:
                return Run(None, 1)
            before = start
            for _line in range(opened):
                before = block.index("\n", before) + 1
            return self.run(block, start, number, before)
        try:
            return Run(self._lines(of, keys, number, count, block.isascii()), count, end)
        except ValueError:
            return Run(None, count)

    def cut(self, block: str, start: int, end: int) -> tuple[dict[str, list[str]], int, int] | None:
        """Return the columns of the plain lines from here on, their number and their end."""
        pattern = pattern_of(tuple(self.cells), self.writing, block.isascii())
        found = pattern.match(block, start, end)
        if found is None or found.end() == start:
            return None
        delimiter, width = self.writing.delimiter, len(self.cells)
        cells = found[0].replace("\n", delimiter).split(delimiter)
        of = {
            cell.name: cells[position:-1:width]
            for position, cell in enumerate(self.cells) if cell.name
        }  # fmt: skip
        for name, codes in self.codes.items():
            of[name] = list(map(codes.__getitem__, of[name]))
        return of, len(cells) // width, found.end()

    def _keys(self, of: dict[str, list[str]]) -> set[tuple[str, ...]]:
        """Return the keys of all batches that the lines are for."""
        choices = [set(of.get(name) or (self.fixed[name],)) for name in self.key]
        if all(len(choice) == 1 for choice in choices):
            return {tuple(one for choice in choices for one in choice)}
        return set(self._each_key(of))

    def _known(self) -> dict[tuple[str, ...], int]:
        return self.reading.known if self.known is None else self.known

    def _each_key(self, of: dict[str, list[str]]) -> Iterator[tuple[str, ...]]:
        return zip(*(of.get(name) or repeat(self.fixed[name]) for name in self.key), strict=False)

    def _opened(self, of: dict[str, list[str]], keys: set[tuple[str, ...]], count: int) -> int:
        """Return how many lines stand before the first one whose batch is not open."""
        known = self._known()
        if keys <= known.keys():
            return count
        return next(at for at, key in enumerate(self._each_key(of)) if key not in known)

    def _lines(
        self,
        of: dict[str, list[str]],
        keys: set[tuple[str, ...]],
        number: int,
        count: int,
        ascii_only: bool,
    ) -> Iterator[Line]:
        """Prove the columns, add their sums and return the lines; ValueError if one is not plain.

        Nothing is counted before everything is proved.
        """
        codes = of["currency"]
        paid_codes = of.get("settled_currency", codes)
        one_currency = paid_codes is codes or paid_codes == codes
        if not EXPONENTS.keys() >= (set(codes) if one_currency else {*codes, *paid_codes}):
            raise NotPlain
        money = self.money(of)
        times = self.times(of)
        for cell in self.cells:
            if cell.what == "text":
                _prove_texts(of[cell.name], ascii_only)
        rates = self._rates(of, codes, paid_codes, one_currency)
        taken = self.fields(of, money.kinds)
        batches = self._counted(of, keys, count, money.paid, money.fee)
        self.noted(of, number, batches, money)
        rows = zip(
            range(number, number + count), batches, taken["wallet"], money.kinds, taken["ref"],
            taken["store"], codes, money.gross_texts, paid_codes, money.paid_texts,
            money.fee_texts, money.net_texts, rates, taken["merchant_ref"], times,
            taken["original_ref"], strict=False,
        )  # fmt: skip
        return map(tuple.__new__, repeat(Line), rows)

    def money(self, of: dict[str, list[str]]) -> Money:
        """Return the amounts of a run; NotPlain if a sum or a sign of theirs is wrong."""
        codes = of["currency"]
        paid_codes = of.get("settled_currency", codes)
        one_currency = paid_codes is codes or paid_codes == codes
        words = of["kind"]
        gross, gross_texts = self._minor(of["gross"], words)
        paid, paid_texts = gross, gross_texts
        if "settled_gross" in of and not (one_currency and of["settled_gross"] == of["gross"]):
            paid, paid_texts = self._minor(of["settled_gross"], words)
            if not all(map(or_, map(ne, codes, paid_codes), map(eq, gross, paid))):
                raise NotPlain
            if min(map(mul, paid, map(self.signs.__getitem__, words))) < 0:
                raise NotPlain
        if min(map(mul, gross, map(self.signs.__getitem__, words))) < 0:
            raise NotPlain
        fee, fee_texts = self._few(of["fee"], words)
        net = list(map(sub, paid, fee))
        net_texts: Iterable[str] = map(str, net)
        if "net" in of:
            stated, net_texts = self._minor(of["net"], words)
            if stated != net:
                raise NotPlain
        kinds = list(map(self.words.__getitem__, words))
        return Money(kinds, paid, fee, gross_texts, paid_texts, fee_texts, net_texts)

    def fields(self, of: dict[str, list[str]], kinds: list[str]) -> dict[str, Iterable[str]]:
        """Return what stands in lines as it stands in cells: ids and texts."""
        fields = {
            "wallet": of.get("wallet"), "ref": of["ref"], "store": of.get("store"),
            "merchant_ref": of.get("merchant_ref"), "original_ref": of.get("original_ref"),
        }  # fmt: skip
        for name, only in self.only.items():
            if only in _SIGNS:
                fields[name] = [
                    one if kind == only else "" for one, kind in zip(of[name], kinds, strict=True)
                ]
        return {
            name: repeat(self.fixed.get(name, "")) if column is None else column
            for name, column in fields.items()
        }

    def noted(
        self, of: dict[str, list[str]], number: int, batches: Iterable[int], money: Money
    ) -> None:
        """Take down what a layout counts besides; all that is here is proved.

        ``number`` is the first line's, ``batches`` the batch of each, without an end if one.
        """

    def _counted(
        self,
        of: dict[str, list[str]],
        keys: set[tuple[str, ...]],
        count: int,
        paid: list[int],
        fee: list[int],
    ) -> Iterable[int]:
        """Add the sums of the lines to their batches; return the batch of each."""
        known, tallies = self._known(), self.reading.tallies
        self.reading.statement.records += count
        if len(keys) == 1:
            [key] = keys
            batch = known[key]
            gross_sum, fee_sum = sum(paid), sum(fee)
            tallies[batch].add_all(count, gross_sum, fee_sum, gross_sum - fee_sum)
            return repeat(batch)
        batches = list(map(known.__getitem__, self._each_key(of)))
        if batches == sorted(batches):
            # The lines of a batch stand together.
            at = 0
            for batch, counted in Counter(batches).items():
                part, at = slice(at, at + counted), at + counted
                gross_sum, fee_sum = sum(paid[part]), sum(fee[part])
                tallies[batch].add_all(counted, gross_sum, fee_sum, gross_sum - fee_sum)
            return batches
        gross_sums, fee_sums = dict.fromkeys(batches, 0), dict.fromkeys(batches, 0)
        for batch, gross_minor, fee_minor in zip(batches, paid, fee, strict=True):
            gross_sums[batch] += gross_minor
            fee_sums[batch] += fee_minor
        for batch, counted in Counter(batches).items():
            gross_sum, fee_sum = gross_sums[batch], fee_sums[batch]
            tallies[batch].add_all(counted, gross_sum, fee_sum, gross_sum - fee_sum)
        return batches

    def minor(self, texts: list[str]) -> tuple[list[int], list[str]]:
        """Return minor units and digits of amounts that have signs of their own."""
        return self._minor(texts, [])

    def few(self, texts: list[str]) -> tuple[list[int], Iterable[str]]:
        """Do the same for amounts of which many are equal, as fees are."""
        return self._few(texts, [])

    def charged(
        self, of: dict[str, list[str]], paid_codes: list[str]
    ) -> tuple[list[int], Iterable[str]]:
        """Return the fee of each line, the sum of its charges, and its digits.

        NotPlain where a charge is in another currency than what is paid.
        """
        sums: list[int] = []
        texts: list[str] = []
        for cell in self.cells:
            if cell.what == "charge_currency":
                codes = of[cell.name]
                if codes != paid_codes and not all(
                    not one or one == paid for one, paid in zip(codes, paid_codes, strict=True)
                ):
                    raise NotPlain
            elif cell.what == "charge":
                charges = of[cell.name]
                minor_of = {"": 0}
                if different := list(filter(None, set(charges))):
                    found, _digits = self.minor(different)
                    minor_of |= {one: -minor for one, minor in zip(different, found, strict=True)}
                more = list(map(minor_of.__getitem__, charges))
                if sums:
                    sums, texts = list(map(add, sums, more)), []
                else:
                    text_of = {one: str(minor) for one, minor in minor_of.items()}
                    sums, texts = more, list(map(text_of.__getitem__, charges))
        sums = sums or [0] * len(paid_codes)
        return sums, texts or map(str, sums)

    def _minor(self, texts: list[str], words: list[str]) -> tuple[list[int], list[str]]:
        """Return the minor units of amounts whose shape is proved, and their digits."""
        writing = self.writing
        joined = "\n".join(texts)
        if writing.short:
            both = joined.replace(writing.mark, "\n").split("\n")
            minor = list(map(int, map(add, both[0::2], map(_HUNDREDTHS.__getitem__, both[1::2]))))
        else:
            # All its decimals are there, so without the mark it is minor units.
            digits = joined.replace(writing.mark, "")
            texts = digits.split("\n")
            minor = list(map(int, texts))
            # An amount below one, as 050, has more digits than its number.
            if not (
                writing.unsigned or writing.minor or digits[:1] == "0" or digits[:2] == "-0"
                or "\n0" in digits or "\n-0" in digits
            ):  # fmt: skip
                return minor, texts
        if writing.unsigned:
            minor = list(map(mul, minor, map(self.turns.__getitem__, words)))
        return minor, list(map(str, minor))

    def _few(self, texts: list[str], words: list[str]) -> tuple[list[int], Iterable[str]]:
        """Do the same for amounts of which many are equal, as fees are."""
        different = list(set(texts))
        if self.writing.unsigned or 2 * len(different) > len(texts):
            return self._minor(texts, words)
        minor, digits = self._minor(different, [])
        minor_of = dict(zip(different, minor, strict=True))
        digits_of = dict(zip(different, digits, strict=True))
        return list(map(minor_of.__getitem__, texts)), map(digits_of.__getitem__, texts)

    def _rates(
        self, of: dict[str, list[str]], codes: list[str], paid_codes: list[str], one_currency: bool
    ) -> Iterable[str]:
        rates = of.get("rate")
        converted = self.only.get("rate") == "converted"
        if rates is None or (converted and one_currency):
            return repeat("")
        if converted:
            rates = [
                one if code != paid else ""
                for one, code, paid in zip(rates, codes, paid_codes, strict=True)
            ]
            if not all(map(or_, map(eq, codes, paid_codes), map(bool, rates))):
                raise NotPlain
        for one in set(rates):
            if one:
                columns.rate_of(one)
        return rates

    def times(self, of: dict[str, list[str]]) -> Iterable[str]:
        """Return when the lines occurred; raise ValueError for a time that there is not."""
        if "instant" in of:
            instants = of["instant"]
            _prove_shape(instants)
            deque(map(datetime.fromisoformat, filter(None, instants)), maxlen=0)
            return instants
        if "moment" in of:
            size, end = self.writing.day_size, len(of["moment"][0].rstrip("Z"))
            in_utc = end < len(of["moment"][0])
            days = [one[:size] for one in of["moment"]]
            return self._placed(days, [one[size + 1 : end] for one in of["moment"]], in_utc)
        if "day" in of:
            hours = of["hour"]
            if len(hours[0]) == 6:
                hours = [f"{one[:2]}:{one[2:4]}:{one[4:]}" for one in hours]
            return self._placed(of["day"], hours, False)
        return repeat("")

    def _placed(self, days: list[str], hours: list[str], in_utc: bool) -> list[str]:
        """Return the instants of days and hours."""
        if max(hours)[:2] > _LAST_HOUR:
            raise NotPlain
        different = set(days)
        found = {one: self.days[one] for one in different}
        if in_utc:
            found = {one: (begins, "+00:00") for one, (begins, _offset) in found.items()}
        if len(different) == 1:
            [(begins, offset)] = found.values()
            between = f"{offset}\n{begins}"
            return f"{begins}{between.join(hours)}{offset}".split("\n")
        return [
            f"{begins}{one}{offset}"
            for (begins, offset), one in zip(map(found.__getitem__, days), hours, strict=True)
        ]


_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_INSTANTS = re.compile(
    "(?>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?>\.[0-9]{1,9}+|)[+-][0-9]{2}:[0-9]{2}\n|\n)*+",
    re.ASCII,
)


def _prove_shape(instants: list[str]) -> None:
    """Prove that times look like 2026-10-14T12:30:00+02:00, or are empty; else NotPlain."""
    joined = "\n".join(instants) + "\n"
    for usual in (b"0000-00-00T00:00:00+00:00\n", b"0000-00-00T00:00:00-00:00\n"):
        if joined.encode().translate(_DIGITS) == usual * len(instants):
            return
    if _INSTANTS.fullmatch(joined) is None:
        raise NotPlain


def _prove_texts(texts: list[str], ascii_only: bool) -> None:
    """Prove that texts have no outer spaces and nothing unprintable; else NotPlain."""
    joined = "\n".join(texts)
    if " " in joined and (
        joined[0] == " " or joined[-1] == " " or " \n" in joined or "\n " in joined
    ):  # fmt: skip
        raise NotPlain
    if not ascii_only and not joined.replace("\n", "").isprintable():
        raise NotPlain


class Days(dict[str, tuple[str, str]]):
    """Days as a layout writes them to their ISO text with a T, and the zone's offset all day.

    A text that is no day, and a day on which the clocks change, raise ValueError.
    """

    def __init__(self, pattern: str, zone: ZoneInfo | None) -> None:
        super().__init__()
        self.pattern, self.zone = pattern, zone

    def __missing__(self, text: str) -> tuple[str, str]:
        found = columns.date_of(text, "day", self.pattern)
        offset = "+00:00"
        if self.zone is not None:
            begins = datetime(found.year, found.month, found.day, tzinfo=self.zone)
            offset, *others = {
                columns.offset_text(begins + timedelta(minutes=minutes))
                for minutes in range(0, 24 * 60, 15)
            }
            if others:
                raise NotPlain
        if len(self) >= MOST_DAYS:
            self.clear()
        self[text] = (f"{found.isoformat()}T", offset)
        return self[text]


@dataclass
class FixedPlan(Plan):
    """A plan of a layout of fixed fields: every record begins with ``letter``, cells have widths.

    The writing's delimiter and end are one character that stands in no record.
    """

    letter: str = ""

    def cut(self, block: str, start: int, end: int) -> tuple[dict[str, list[str]], int, int] | None:
        width = len(self.letter) + sum(cell.width for cell in self.cells)
        stride = width + 1
        end = min(end, len(block))
        count = (end - start) // stride
        for column, wanted in ((width, "\n"), (0, self.letter)):
            ends = block[start + column : start + count * stride : stride]
            count = len(ends) - len(ends.lstrip(wanted))
        end = start + count * stride
        if not count or block.count("\n", start, end) != count:
            return None
        found: list[list[str]] = []
        at = start + len(self.letter)
        for cell in self.cells:
            wide = cell.width
            found.append([block[one : one + wide].rstrip(" ") for one in range(at, end, stride)])
            at += wide
        delimiter, wide = self.writing.delimiter, len(self.cells)
        flat = [""] * (count * wide + 1)
        for position, column_of in enumerate(found):
            flat[position:-1:wide] = column_of
        joined = delimiter.join(flat)
        pattern = pattern_of(tuple(self.cells), self.writing, block.isascii())
        proved = pattern.match(joined)
        plain = 0 if proved is None else joined.count(delimiter, 0, proved.end()) // wide
        if not plain:
            return None
        of = {
            cell.name: column_of if plain == count else column_of[:plain]
            for cell, column_of in zip(self.cells, found, strict=True) if cell.name
        }  # fmt: skip
        return of, plain, start + plain * stride
