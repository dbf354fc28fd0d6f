"""What the layouts share: exact amounts, ids, times, totals, problems with line numbers. Pure.

A reader works on a :class:`Reading`: it counts records, collects problems and proves totals.
A value that cannot be taken raises :class:`BadValue`; the reader gives it its line number.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from portal.core.money import (
    LARGEST_MINOR,
    NotAnAmount,
    UnknownCurrency,
    exponent,
    from_minor,
    to_minor,
)
from wallets.formats.statement import (
    NOT_A_PAYMENT,
    SALE,
    Batch,
    Line,
    Problem,
    Sheet,
    Statement,
    refuse,
)

MAX_BYTES = 2 * 1024**3
MOST_ERRORS = 200
MOST_REMEMBERED = 100_000
LONGEST_SETTLEMENT_REF = 80
LONGEST_WALLET = 20

_ID = re.compile(r"[!-~]{1,64}", re.ASCII)
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)


class BadValue(ValueError):
    """A value that cannot be taken: ``code`` is a problem code, the message says why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class CannotWrite(ValueError):
    """A sheet that a layout has no way to express; the message says what it lacks."""


def check_size(path: Path, options: dict[str, Any]) -> int:
    """Return the bytes of a file, or refuse one that is empty or over the feed's cap."""
    size = path.stat().st_size
    cap = int(options.get("max_bytes", MAX_BYTES))
    if size > cap:
        raise refuse(
            "too_large", 0,
            f"The file has {size} bytes; this feed takes up to {cap}. Ask the partner to split it.",
        )  # fmt: skip
    if not size:
        raise refuse("empty", 0, "The file has no bytes. Ask the partner to send it again.")
    return size


class Amounts(dict[str, tuple[int, str]]):
    """Texts of one currency to (minor units, their digits), each proved once.

    Looking up a text that is no amount raises BadValue. Remembers a bounded number.
    """

    def __init__(self, currency: str, *, mark: str = ".", short: bool = False) -> None:
        super().__init__()
        self.currency, self.mark, self.short = currency, mark, short
        minor_of("0", currency, short=True)
        decimals = exponent(currency)
        fraction = rf"{re.escape(mark)}[0-9]{{{decimals}}}" if decimals else ""
        self._usual = re.compile(f"-?[0-9]{{1,10}}{fraction}", re.ASCII).fullmatch

    def __missing__(self, text: str) -> tuple[int, str]:
        if self._usual(text):
            # All its decimals are there, so without the mark it is minor units.
            minor = int(text.replace(self.mark, ""))
        else:
            minor = minor_of(text, self.currency, mark=self.mark, short=self.short)
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        found = self[text] = (minor, str(minor))
        return found


def minor_of(text: str, currency: str, *, mark: str = ".", short: bool = False) -> int:
    """Return minor units of a text, or raise BadValue (bad_amount, currency_unknown)."""
    try:
        minor = to_minor(text, currency, mark=mark, short=short)
    except NotAnAmount as error:
        raise BadValue("bad_amount", str(error)) from None
    except UnknownCurrency as error:
        raise BadValue("currency_unknown", f"{error} Ask the partner, or add it.") from None
    if abs(minor) > LARGEST_MINOR:
        raise BadValue("bad_amount", f"{text!r} is larger than any amount this portal takes.")
    return minor


def is_id(text: str) -> bool:
    """Tell whether a text is an id, as id_of takes it."""
    return _ID.fullmatch(text) is not None


def id_of(text: str, name: str) -> str:
    """Return an id as it is: 1 to 64 printable ASCII characters without spaces."""
    if _ID.fullmatch(text) is None:
        raise BadValue(
            "bad_value",
            f"{name} {text[:80]!r} is no id: use 1 to 64 letters, digits or signs, no spaces.",
        )
    return text


def text_of(text: str, name: str, *, longest: int = 140) -> str:
    """Return free text without its outer spaces; control characters are refused."""
    text = text.strip()
    if len(text) > longest or not text.isprintable():
        raise BadValue(
            "bad_value", f"{name} {text[:80]!r} is no text of up to {longest} printable characters."
        )
    return text


def date_of(text: str, name: str, pattern: str = "%Y-%m-%d") -> date:
    """Return a date written exactly as the pattern says, or raise BadValue."""
    try:
        # Written back it must be the same text: strptime alone also takes 2026-1-2.
        found = datetime.strptime(text, pattern).date()  # noqa: DTZ007
        if found.strftime(pattern) == text:
            return found
    except ValueError:
        pass
    shape = pattern
    for directive, letters in (("%Y", "YYYY"), ("%m", "MM"), ("%d", "DD")):
        shape = shape.replace(directive, letters)
    raise BadValue("bad_date", f"{name} {text[:40]!r} is no date: write it as {shape}.")


def instant_of(text: str, name: str, zone: ZoneInfo | None) -> str:
    """Return an ISO 8601 instant with offset.

    A text without offset is a local time of ``zone``; without a zone it is refused. The
    local hour that comes twice in autumn is read as its first.
    """
    found = _ISO.fullmatch(text)
    if found is not None and (found[3] or zone is not None):
        try:
            instant = datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or ''}")
        except ValueError:
            pass
        else:
            if found[3]:
                offset = "+00:00" if found[3] == "Z" else found[3]
                return f"{found[1]}T{found[2]}{offset}"
            return f"{found[1]}T{found[2]}{offset_text(instant.replace(tzinfo=zone))}"
    raise BadValue(
        "bad_date", f"{name} {text[:40]!r} is no time: write it as 2026-10-14T12:30:00+02:00."
    )


def offset_text(instant: datetime) -> str:
    """Return an aware instant's offset as ``+02:00``."""
    minutes = int((instant.utcoffset() or timedelta()).total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def check_batch(ref: str, wallet: str) -> None:
    """Refuse a batch whose names are longer than what can be kept of them."""
    if len(ref) > LONGEST_SETTLEMENT_REF or len(wallet) > LONGEST_WALLET:
        raise BadValue(
            "bad_value",
            f"Settlement {ref[:100]!r} of wallet {wallet[:40]!r}: a settlement has up to "
            f"{LONGEST_SETTLEMENT_REF} characters, a wallet's code up to {LONGEST_WALLET}.",
        )


def zone_of(options: dict[str, Any], default: str) -> ZoneInfo:
    return ZoneInfo(options.get("timezone") or default)


@dataclass(slots=True)
class Tally:
    """What was really in a batch."""

    count: int = 0
    gross: int = 0
    fee: int = 0
    net: int = 0

    def add(self, gross: int, fee: int, net: int) -> None:
        self.count += 1
        self.gross += gross
        self.fee += fee
        self.net += net

    def add_all(self, count: int, gross: int, fee: int, net: int) -> None:
        """Add the sums of so many lines."""
        self.count += count
        self.gross += gross
        self.fee += fee
        self.net += net


@dataclass
class Reading:
    """A statement being read: problems get their line, batches their tally, totals are proved."""

    statement: Statement
    bad_rows: int = 0
    tallies: list[Tally] = field(default_factory=list)
    known: dict[tuple[str, ...], int] = field(default_factory=dict)
    _errors: int = 0

    def error(self, code: str, line_no: int, text: str) -> None:
        """Note an error; too many of them end the reading."""
        self._errors += 1
        if self._errors > MOST_ERRORS:
            raise refuse(
                code, line_no, f"More than {MOST_ERRORS} errors; this file is not read further."
            )
        self.statement.problems.append(Problem(code, line_no, text))

    def bad_row(self, error: BadValue, line_no: int) -> None:
        self.bad_rows += 1
        self.error(error.code, line_no, str(error))

    def each(
        self, records: Iterable[tuple[int, Any]], take: Callable[[int, Any], Line | None]
    ) -> Iterator[Line]:
        """Yield the lines that ``take`` makes of records; None is a record that is no line."""
        statement = self.statement
        for number, record in records:
            statement.records += 1
            try:
                line = take(number, record)
            except BadValue as error:
                self.bad_row(error, number)
                continue
            if line is None:
                statement.others += 1
            else:
                yield line

    def batch(self, key: tuple[str, ...], ref: str, wallet: str, currency: str) -> int:
        """Return the index of a batch, opening it when its key is new."""
        index = self.known.get(key)
        if index is None:
            check_batch(ref, wallet)
            index = self.known[key] = len(self.statement.batches)
            self.statement.batches.append(Batch(ref, wallet, currency))
            self.tallies.append(Tally())
        return index

    def line(
        self, no: int, batch: int, wallet: str, kind: str, ref: str, store: str,
        currency: str, gross: tuple[int, str],
        settled_currency: str, settled: tuple[int, str], fee: tuple[int, str],
        net: tuple[int, str],
        rate: str, merchant_ref: str, occurred_at: str, original_ref: str,
    ) -> Line:  # fmt: skip
        """Prove the arithmetic of a row and count it; amounts are (minor units, digits)."""
        if settled[0] - fee[0] != net[0]:
            raise BadValue(
                "bad_amount",
                f"{ref}: net is {net[1]}, but gross {settled[1]} less fee {fee[1]} is "
                f"{settled[0] - fee[0]} (minor units).",
            )
        if kind != NOT_A_PAYMENT:
            wrong = min if kind == SALE else max
            if wrong(gross[0], settled[0], 0):
                raise BadValue("bad_amount", f"{ref}: the sign of {gross[1]} is not a {kind}'s.")
        if currency == settled_currency and gross[0] != settled[0]:
            raise BadValue(
                "bad_amount", f"{ref}: {gross[1]} was settled as {settled[1]} in one currency."
            )
        self.tallies[batch].add(settled[0], fee[0], net[0])
        return tuple.__new__(
            Line,
            (no, batch, wallet, kind, ref, store, currency, gross[1], settled_currency,
             settled[1], fee[1], net[1], rate, merchant_ref, occurred_at, original_ref),
        )  # fmt: skip

    def total(
        self, line_no: int, *, key: tuple[str, ...], ref: str, wallet: str, currency: str,
        value_date: date | None, net: int, count: int | None = None, gross: int | None = None,
        fee: int | None = None,
    ) -> None:  # fmt: skip
        """Take down the total record of a batch, and prove it; a second one is refused."""
        index = self.batch(key, ref, wallet, currency)
        batch = self.statement.batches[index]
        if batch.declared_net_minor is not None:
            raise BadValue("bad_value", f"A second total for {wallet} {currency}.")
        check_batch(ref, wallet)
        batch.ref, batch.value_date, batch.declared_count = ref, value_date, count
        batch.declared_gross_minor, batch.declared_fee_minor = gross, fee
        batch.declared_net_minor = net
        self.prove(batch, self.tallies[index], line_no)

    def prove_undeclared(self, line_no: int, where: str) -> None:
        """Note the batches that have lines and no declared total."""
        if self.bad_rows:
            return
        for batch in self.statement.batches:
            if batch.declared_net_minor is None:
                self.error(
                    "count_differs", line_no,
                    f"{where} for {batch.wallet} {batch.currency} is absent. "
                    "Ask the partner for a corrected file.",
                )  # fmt: skip

    def prove(self, batch: Batch, tally: Tally, line_no: int) -> None:
        """Compare what a batch declares with what was in it; every difference is an error.

        A row that was refused explains a difference, so then nothing is said here.
        """
        if self.bad_rows:
            return
        declared = batch.declared_count
        if declared is not None and declared != tally.count:
            self.error(
                "count_differs", line_no,
                f"{batch.ref} declares {declared} lines and has {tally.count}. "
                "Ask the partner for a corrected file.",
            )  # fmt: skip
        for word, stated, found in (
            ("gross", batch.declared_gross_minor, tally.gross),
            ("fee", batch.declared_fee_minor, tally.fee),
            ("net", batch.declared_net_minor, tally.net),
        ):
            if stated is not None and stated != found:
                self.error(
                    "total_differs", line_no,
                    f"{batch.ref} declares {word} {from_minor(stated, batch.currency)} "
                    f"{batch.currency}, its lines add up to {from_minor(found, batch.currency)}. "
                    "Ask the partner for a corrected file.",
                )  # fmt: skip


# -- text files, a record a line -----------------------------------------------------------

LONGEST_LINE = 64 * 1024
_RATE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,10})?", re.ASCII)


@dataclass(frozen=True)
class Column:
    """A declared column: its heading, whether it must be there, and what it holds.

    ``width`` is the number of characters in a layout of fixed fields.
    """

    name: str
    needed: bool = True
    about: str = ""
    width: int = 0


class LineReader:
    """Turns the bytes of line after line into texts, strictly, and knows the line's number.

    From the first line that the first encoding cannot decode, the next one is used.
    """

    def __init__(self, encodings: tuple[str, ...] = ("utf-8",)) -> None:
        self.encoding, self._rest = encodings[0], list(encodings[1:])
        self._agreed = self.encoding
        self.number = 0

    def text(self, raw: bytes) -> str:
        """Return the next line without its end (LF or CRLF), or refuse the file.

        A line without its end is a cut file.
        """
        self.number = number = self.number + 1
        if number == 1:
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise refuse("bad_encoding", 1, f"The file is UTF-16. Ask for {self.encoding}.")
            if self.encoding == "utf-8":
                raw = raw.removeprefix(b"\xef\xbb\xbf")
        if len(raw) > LONGEST_LINE:
            raise refuse("bad_value", number, f"The line is longer than {LONGEST_LINE} bytes.")
        if b"\0" in raw:
            raise refuse("bad_encoding", number, f"There is a NUL. Ask for {self.encoding} text.")
        while True:
            try:
                text = raw.decode(self.encoding)
                break
            except UnicodeDecodeError as error:
                if not self._rest:
                    raise refuse(
                        "bad_encoding", number,
                        f"Byte {error.start + 1} of the line is not {self._agreed}. "
                        "Ask the partner for a file in the agreed encoding.",
                    ) from None  # fmt: skip
                self.encoding = self._rest.pop(0)
        if text[-1:] != "\n":
            raise refuse(
                "truncated", number,
                "The file ends inside this line. Ask the partner to send it again.",
            )  # fmt: skip
        return text[:-2] if text[-2:-1] == "\r" else text[:-1]


def physical_lines(
    path: Path, options: dict[str, Any], *, encodings: tuple[str, ...] = ("utf-8",)
) -> Iterator[tuple[int, str]]:
    """Yield every line of a text file with its number, without its line end."""
    check_size(path, options)
    lines = LineReader(encodings)
    with path.open("rb") as file:
        while raw := file.readline(LONGEST_LINE + 1):
            yield lines.number + 1, lines.text(raw)


def first_lines(head: bytes, encoding: str = "utf-8") -> list[str]:
    """Return the first lines of a file from its first bytes, leniently, to find its name.

    One blank line where there is a NUL: such a file is refused, and must not be named with it.
    """
    if b"\0" in head:
        return [""]
    text = head.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace")
    return [line.rstrip("\r") for line in text.split("\n")]


def cells_of(text: str, delimiter: str) -> list[str]:
    """Return the cells of one line; a quote that does not close is a bad value."""
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        raise BadValue("bad_value", "A quote in this line is not closed.") from None


def positions_of(
    headings: list[str], columns: Iterable[Column], *, others_allowed: bool = False
) -> dict[str, int]:
    """Return where each declared column stands, by its heading, whatever the order.

    Refuses repeated headings, absent needed ones and, unless allowed, unknown ones.
    """
    found: dict[str, int] = {}
    for position, heading in enumerate(headings):
        name = heading.strip()
        if name in found:
            raise BadValue("duplicate_heading", f"The heading {name[:80]!r} stands twice.")
        found[name] = position
    declared = list(columns)
    absent = [column.name for column in declared if column.needed and column.name not in found]
    if absent:
        raise BadValue("bad_columns", f"These columns are absent: {', '.join(absent)}.")
    known = {column.name for column in declared}
    unknown = [name for name in found if name not in known]
    if unknown and not others_allowed:
        raise BadValue("bad_columns", f"Nobody told us of these columns: {', '.join(unknown)}.")
    return {name: position for name, position in found.items() if name in known}


def checked_cells(cells: list[str], wanted: int) -> list[str]:
    """Return the cells of a row, or say that it has too many or too few."""
    if len(cells) != wanted:
        raise BadValue("bad_columns", f"The row has {len(cells)} cells and should have {wanted}.")
    return cells


def count_of(text: str, name: str) -> int:
    """Return a whole number of plain digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadValue("bad_value", f"{name} {text[:40]!r} is not a whole number.")
    return int(text)


def rate_of(text: str) -> str:
    """Return an exchange rate as it is written: plain digits, up to ten decimals."""
    if _RATE.fullmatch(text) is None or not text.strip("0."):
        raise BadValue("bad_value", f"{text[:40]!r} is no exchange rate.")
    return text


def period_of(begins: str, ends: str, pattern: str = "%Y-%m-%d") -> tuple[date, date]:
    """Return the first and the last business date of a file, both included."""
    first, last = date_of(begins, "First day", pattern), date_of(ends, "Last day", pattern)
    if last < first:
        raise BadValue("bad_date", f"The period ends on {ends}, before it begins on {begins}.")
    return first, last


def kind_of(text: str, kinds: Mapping[str, str]) -> str:
    """Return the kind that a layout's word stands for."""
    try:
        return kinds[text]
    except KeyError:
        raise BadValue(
            "unknown_type", f"Type {text[:40]!r} is unknown; known are {', '.join(kinds)}."
        ) from None


class Money(dict[str, Amounts]):
    """The amounts of each currency of a file."""

    def __init__(self, *, mark: str = ".", short: bool = False) -> None:
        super().__init__()
        self.mark, self.short = mark, short

    def __missing__(self, currency: str) -> Amounts:
        found = self[currency] = Amounts(currency, mark=self.mark, short=self.short)
        return found


class Times(dict[str, str]):
    """Texts of a layout's times to ISO 8601 with offset, each proved once.

    ``arrange`` turns the layout's text into ISO 8601 text, or raises BadValue.
    """

    def __init__(
        self, name: str, zone: ZoneInfo | None, arrange: Callable[[str], str] = str
    ) -> None:
        super().__init__()
        self.name, self.zone, self.arrange = name, zone, arrange

    def __missing__(self, text: str) -> str:
        instant = instant_of(self.arrange(text), self.name, self.zone) if text else ""
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        self[text] = instant
        return instant


def in_zone(line: Line, zone: tzinfo) -> datetime | None:
    """Return when a line occurred, in a layout's zone; None where the line says nothing."""
    return datetime.fromisoformat(line.occurred_at).astimezone(zone) if line.occurred_at else None


def one_currency(line: Line) -> str:
    """Return the currency of a line for a layout that carries no conversion."""
    if line.currency != line.settled_currency or line.gross != line.settled_gross:
        raise CannotWrite(f"{line.ref}: this layout carries one currency a line.")
    return line.currency


def short_text(minor: int, currency: str, mark: str = ".") -> str:
    """Return an amount with as few decimals as say it, at least one: 190.00 as ``190.0``."""
    text = from_minor(minor, currency, mark=mark)
    if mark not in text:
        return f"{text}{mark}0"
    whole, _mark, decimals = text.partition(mark)
    return f"{whole}{mark}{decimals.rstrip('0') or '0'}"


def joined(delimiter: str, cells: Iterable[str]) -> str:
    """Return cells as one line without quotes, or say that the layout cannot carry them."""
    listed = list(cells)
    text = delimiter.join(listed)
    if text.count(delimiter) != len(listed) - 1 or not text.isprintable():
        raise CannotWrite(f"{text!r}: no cell can hold {delimiter!r} or a control character.")
    return text


def letters_of(kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the word that a layout writes for each kind: the first that means it."""
    return {kind: word for word, kind in reversed(list(kinds.items()))}


class TextFile:
    """Writes lines with LF and knows the number of the last one."""

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        self._file = path.open("w", encoding=encoding, newline="\n")
        self.number = 0

    def __enter__(self) -> TextFile:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._file.close()

    def put(self, text: str) -> int:
        self._file.write(text + "\n")
        self.number += 1
        return self.number


def tallies_of(sheet: Sheet) -> list[Tally]:
    """Return what a writer declares for each batch; the first sum may be told to lie."""
    tallies = [Tally() for _batch in sheet.batches]
    for line in sheet.lines:
        tallies[line.batch].add(int(line.settled_gross), int(line.fee), int(line.net))
    if tallies:
        tallies[0].gross += sheet.misstate_minor
    return tallies
