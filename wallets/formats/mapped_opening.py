"""Opening a file by its description: its rows, what stands above them, its columns. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from wallets.formats import columns, workbook
from wallets.formats import description as said
from wallets.formats.columns import BadValue
from wallets.formats.description import BadDescription, Description, Place
from wallets.formats.mapped_amounts import NUMBER
from wallets.formats.placeholders import Named
from wallets.formats.statement import Unreadable, refuse

Record = str | list[workbook.Cell]


def described(options: dict[str, Any]) -> Description:
    try:
        return said.parse(options.get("mapping"))
    except BadDescription as error:
        raise refuse(
            "bad_mapping", 0, f"The feed's mapping cannot be used. {error}"[:2_000]
        ) from None


def _text_lines(path: Path, options: dict[str, Any], of: Description) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text with their numbers, in the described encoding."""
    encoding = said.ENCODINGS[of.file["encoding"]]
    if encoding == "utf-16":
        yield from _utf16_lines(path, options, open_end=of.file["open_end"])
        return
    try:
        yield from columns.physical_lines(path, options, encodings=(encoding,))
    except Unreadable as error:
        if error.problem.code != "truncated" or not of.file["open_end"]:
            raise
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - columns.LONGEST_LINE))
            last = file.read().rpartition(b"\n")[2]
        yield error.problem.line_no, last.removeprefix(b"\xef\xbb\xbf").decode(encoding)


def _utf16_lines(
    path: Path, options: dict[str, Any], *, open_end: bool
) -> Iterator[tuple[int, str]]:
    columns.check_size(path, options)
    number = 0
    with path.open("rb") as raw:
        if raw.read(2) not in (b"\xff\xfe", b"\xfe\xff"):
            raise refuse("bad_encoding", 1, "The file has no byte order mark of UTF-16.")
    with path.open(encoding="utf-16", newline="\n") as file:
        while True:
            try:
                text = file.readline(columns.LONGEST_LINE + 1)
            except UnicodeError:
                raise refuse(
                    "bad_encoding", number + 1,
                    "The line is not UTF-16. Ask the partner for a file in the agreed encoding.",
                ) from None  # fmt: skip
            if not text:
                return
            number += 1
            if len(text) > columns.LONGEST_LINE:
                raise refuse(
                    "bad_value", number,
                    f"The line is longer than {columns.LONGEST_LINE} characters.",
                )  # fmt: skip
            if "\0" in text:
                raise refuse("bad_encoding", number, "There is a NUL. Ask for plain text.")
            if text[-1:] != "\n":
                if not open_end:
                    raise refuse(
                        "truncated", number,
                        "The file ends inside this line. Ask the partner to send it again.",
                    )  # fmt: skip
                yield number, text
                return
            yield number, text[:-2] if text[-2:-1] == "\r" else text[:-1]


def _joined(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield lines, those joined that a quoted cell goes over; each has its first's number."""
    for number, text in lines:
        if '"' not in text or text.count('"') % 2 == 0:
            yield number, text
            continue
        parts, length, odd = [text], len(text), True
        for _number, more in lines:
            parts.append(more)
            length += len(more)
            odd = odd != (more.count('"') % 2 == 1)
            if not odd or length > columns.LONGEST_LINE:
                break
        if odd:
            raise refuse(
                "bad_value", number,
                "A quote in this line is not closed. Ask the partner, or describe the file as "
                "one without quotes.",
            )  # fmt: skip
        yield number, "\n".join(parts)


def records_of(
    path: Path, options: dict[str, Any], of: Description
) -> Iterator[tuple[int, Record]]:
    if of.kind == said.XLSX:
        columns.check_size(path, options)
        with path.open("rb") as file:
            return enumerate(workbook.rows(file, options), 1)
    lines = _text_lines(path, options, of)
    return _joined(lines) if of.kind == said.DELIMITED and of.file["quotes"] else lines


@dataclass
class Opened:
    """A file whose rows above the records are read: where its columns stand, what it says.

    ``at`` and ``totals_at`` are positions in the cells of a row; ``width`` is how many cells
    a row has, 0 when any number will do.
    """

    of: Description
    records: Iterator[tuple[int, Record]]
    facts: Named
    declared: dict[str, str]
    value_date: date | None = None
    opening: int = 0
    at: dict[str, int] = field(default_factory=dict)
    totals_at: dict[str, int] = field(default_factory=dict)
    width: int = 0
    split: Callable[[Record], list[str]] = field(default=lambda record: [])


def opened_file(path: Path, options: dict[str, Any], of: Description) -> Opened:
    """Read what stands above the records; the records stream."""
    records = records_of(path, options, of)
    above = [record for _number, (_no, record) in zip(range(of.file["skip_rows"]), records)]  # noqa: B905
    if len(above) < of.file["skip_rows"]:
        raise BadValue(
            "truncated",
            f"The file has {len(above)} rows; {of.file['skip_rows']} should stand above the first "
            "record. Ask the partner to send it again.",
        )
    name = str(options.get("name") or path.name)
    facts, declared = facts_of(of, above, name)
    opened = Opened(of, records, facts, declared, opening=len(above))
    if text := declared.pop("value_date", ""):
        opened.value_date = of.date_form.day(text, "Value date")
    if of.kind == said.FIXED:
        _find_slices(opened)
        return opened
    headings: list[str] = []
    if of.file["headings"]:
        number, record = next(records, (0, None))
        if record is None:
            raise refuse("truncated", 0, "The row of headings is absent: the file was cut.")
        opened.opening += 1
        try:
            headings = _plain_cells(of, record)
        except BadValue as error:
            raise refuse(error.code, number, str(error)) from None
    _find_columns(opened, headings)
    return opened


def facts_of(of: Description, above: list[Record], name: str) -> tuple[Named, dict[str, str]]:
    """Return what name and rows above say: the facts, and the texts of declared totals."""
    facts = named(of, name)
    texts = {key: _fact(of, place, above, key) for key, place in of.facts.items()}
    if of.title is not None:
        title = of.title.match(texts.pop("title"))
        if title is None:
            raise BadValue(
                "not_this_layout",
                f"{of.facts['title']} is not like {of.title.text}. Is this another file?",
            )
        facts.sequence = title.sequence or facts.sequence
        facts.ref = title.ref or facts.ref
        if title.first and title.last:
            back = timedelta(days=of.file["days_back"])
            facts.first, facts.last = title.first - back, title.last - back
    if first := texts.pop("period_from", ""):
        facts.first = of.date_form.day(first, "First day")
        last = texts.pop("period_to", "") if "period_to" in of.facts else first
        facts.last = of.date_form.day(last, "Last day")
        if facts.last < facts.first:
            raise BadValue("bad_date", f"The period ends on {last}, before it begins on {first}.")
    elif "period_from" in of.facts:
        raise BadValue("bad_date", "The first day that the file is for is empty.")
    if "sequence" in of.facts:
        facts.sequence = str(columns.count_of(texts.pop("sequence"), "Sequence"))
    if "settlement_ref" in of.facts:
        facts.ref = columns.text_of(
            texts.pop("settlement_ref"), "Settlement", longest=columns.LONGEST_SETTLEMENT_REF
        )
    return facts, texts


def named(of: Description, name: str) -> Named:
    """Return what a file's name says, or raise BadValue when it is not like the pattern."""
    if of.name is None:
        return Named()
    found = of.name.match(name)
    if found is None:
        raise BadValue(
            "not_this_layout",
            f"The name {name[:80]!r} is not like {of.name.text}. Ask the partner, or describe "
            "the names that come.",
        )
    if found.first and found.last:
        back = timedelta(days=of.file["days_back"])
        found.first, found.last = found.first - back, found.last - back
    return found


def _fact(of: Description, place: Place, above: list[Record], key: str) -> str:
    if place.row > len(above):
        raise BadValue("truncated", f"{key}: row {place.row} is absent: the file was cut.")
    record = above[place.row - 1]
    if of.kind == said.FIXED:
        assert isinstance(record, str)  # noqa: S101  (tells the type checker)
        text = record[place.start - 1 : place.start - 1 + place.length].strip()
    else:
        cells = _plain_cells(of, record)
        text = cells[place.position - 1] if place.position <= len(cells) else ""
    if key == "title":
        return text
    if place.after:
        if not text.startswith(place.after.strip()):
            raise BadValue(
                "not_this_layout", f"{key}: {text[:40]!r} does not begin with {place.after!r}."
            )
        text = text[len(place.after.strip()) :].strip()
    if text.startswith(NUMBER) and key in ("sequence", "settlement_ref", "count"):
        text = text[1:].removesuffix(".0")
    return text


def _plain_cells(of: Description, record: Record) -> list[str]:
    """Return a row above the records, or of headings, as texts."""
    if isinstance(record, str):
        return _split_text(of, record)
    return [_cell_text(cell, of.date_form.write) for cell in record]


def _split_text(of: Description, text: str) -> list[str]:
    delimiter = of.file["delimiter"]
    cells = columns.cells_of(text, delimiter) if of.file["quotes"] else text.split(delimiter)
    return [cell.strip() for cell in cells]


def _cell_text(cell: workbook.Cell, moment: Callable[[Any], str]) -> str:
    """Return a cell of a workbook as text; a number gets a mark in front."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, int | float):
        return f"{NUMBER}{cell!r}"
    return moment(cell)


def _find_slices(opened: Opened) -> None:
    """Say how records of fixed positions are taken apart."""
    of = opened.of
    ends: dict[tuple[int, int], int] = {}

    def number_of(place: Place) -> int:
        part = (place.start - 1, place.start - 1 + place.length)
        return ends.setdefault(part, len(ends))

    opened.at = {name: number_of(place) for name, place in of.columns.items()}
    opened.totals_at = {name: number_of(place) for name, place in of.totals.items()}
    parts = [slice(*part) for part in ends]
    length = of.file["record_length"]

    def split(record: Record) -> list[str]:
        assert isinstance(record, str)  # noqa: S101  (tells the type checker)
        if length and len(record) != length and record.strip() and record.strip() != of.end:
            raise BadValue(
                "bad_columns",
                f"The record has {len(record)} characters and should have {length}.",
            )
        return [record[part].strip() for part in parts]

    opened.split = split


def _find_columns(opened: Opened, headings: list[str]) -> None:
    """Say where the columns of cells stand, by heading or position."""
    of = opened.of

    def index(name: str, place: Place) -> int:
        if not place.heading:
            if headings and place.position > len(headings) and name:
                raise refuse(
                    "bad_columns", opened.opening,
                    f"{name} stands in column {place.position}; there are {len(headings)}.",
                )  # fmt: skip
            return place.position - 1
        times = headings.count(place.heading)
        if times != 1:
            code = "duplicate_heading" if times else "bad_columns"
            stands = "stands twice" if times else "is absent"
            raise refuse(
                code, opened.opening,
                f"The heading {place.heading!r} {stands}. Ask the partner what has changed, or "
                "describe the file anew.",
            )  # fmt: skip
        return headings.index(place.heading)

    opened.at = {name: index(name, place) for name, place in of.columns.items()}
    opened.totals_at = {name: index("", place) for name, place in of.totals.items()}
    opened.width = len(headings)
    if of.kind == said.DELIMITED:
        delimiter, quotes = of.file["delimiter"], of.file["quotes"]

        def split(record: Record) -> list[str]:
            assert isinstance(record, str)  # noqa: S101  (tells the type checker)
            if quotes and '"' in record:
                cells = columns.cells_of(record, delimiter)
            else:
                cells = record.split(delimiter)
            return [cell.strip() for cell in cells]

        opened.split = split
        return
    opened.width = 0
    form = of.time_form.write if of.time_form else of.date_form.write
    moments: dict[int, Callable[[Any], str]] = {}
    for place, write in (("time", form), ("value_date", of.date_form.write)):
        for where in (opened.at, opened.totals_at):
            if place in where:
                moments[where[place]] = write
    numbers = {opened.at[name] for name in _AMOUNTS if name in opened.at}
    numbers |= {opened.totals_at[name] for name in said.SUMS if name in opened.totals_at}
    used = sorted({*opened.at.values(), *opened.totals_at.values()})

    def split_cells(record: Record) -> list[str]:
        assert isinstance(record, list)  # noqa: S101  (tells the type checker)
        cells = [""] * max(len(record), used[-1] + 1)
        for number in used:
            cell = record[number] if number < len(record) else ""
            text = _cell_text(cell, moments.get(number, str))
            if text[:1] == NUMBER and number not in numbers:
                raise BadValue(
                    "bad_value",
                    f"The cell {cell!r} in column {number + 1} is a number; ids, dates and words "
                    "must be text cells.",
                )
            cells[number] = text
        return cells

    opened.split = split_cells


_AMOUNTS = ("gross", "debit", "credit", "fee", "net", "settled_gross", "rate")


def head_records(of: Description, head: bytes) -> list[Record]:
    wanted = of.file["skip_rows"] if of.facts else 0
    if not wanted:
        return []
    lines = columns.first_lines(head, said.ENCODINGS[of.file["encoding"]])
    if of.file["encoding"] == "utf-16":
        lines = [line.rstrip("\r") for line in head.decode("utf-16", "replace").split("\n")]
    numbered = iter(enumerate(lines, 1))
    quoted = of.kind == said.DELIMITED and of.file["quotes"]
    records = _joined(numbered) if quoted else numbered
    return [record for _number, (_no, record) in zip(range(wanted), records)]  # noqa: B905
