"""The grid of bad input: a good file of a layout, spoilt in every way that partners have found.

A spoiling is a name, a way to change the bytes, and what has to come of it: ``refused``,
``read`` (with or without warnings) or ``either`` where it depends on the layout. Text that
stands in every sample (one amount, one id, one day) is replaced where the layout writes it,
inside a workbook too.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.wallets.formats import samples
from tests.wallets.formats.cases import CASES, lines_of
from wallets import formats
from wallets.formats.statement import Line

REFUSED, READ, EITHER = "refused", "read", "either"

MINOR = 987_654
"""The amount that one sale of every sample has and nothing else: 9876.54."""

REF = "7731908264"
"""The id of that sale: digits only, because some layouts have no others."""


@dataclass(frozen=True)
class Spoilt:
    """One case: what was done, the bytes, the file's name, and what has to come of it."""

    what: str
    data: bytes
    name: str
    then: str = EITHER


def sample(layout: str, folder: Path) -> tuple[Path, bytes]:
    """Write the good file of a layout; return its path and bytes."""
    case = CASES[layout]
    lines = lines_of(layout)
    first = next(n for n, line in enumerate(lines) if line.kind == "sale")
    lines[first] = case.carries(_marked(lines[first]))
    path = case.path(folder)
    formats.get(layout).write(path, samples.sheet(layout, lines, wallet=case.wallet), case.told())
    return path, path.read_bytes()


def _marked(line: Line) -> Line:
    fee = int(line.fee)
    return line._replace(
        ref=REF, gross=str(MINOR), settled_gross=str(MINOR), net=str(MINOR - fee)
    )  # fmt: skip


def spoilt(layout: str, folder: Path) -> Iterator[Spoilt]:
    """Yield every case of a layout, at least a hundred."""
    path, data = sample(layout, folder)
    is_book = data.startswith(b"PK")
    name = path.name
    if not is_book:
        for what, changed, then in (*_encodings(data), *_line_ends(data), *_structures(data)):
            yield Spoilt(what, changed, name, then)
    for group in (_amounts, _days, _ids):
        for what, change, then in group(data, is_book=is_book):
            changed = _inside(data, change) if is_book else change(data)
            yield Spoilt(what, changed, name, then)
    for what, changed, then in _wrappings(data):
        yield Spoilt(what, changed, name, then)
    for what, changed, then in _cuts(data, shows_lost_row=CASES[layout].shows_a_lost_row):
        yield Spoilt(what, changed, name, then)
    yield Spoilt("under a name that says nothing", data, f"x{path.suffix}")
    yield Spoilt("under a name with a path in it", data, f"..{name}")


Case = tuple[str, bytes, str]
Change = tuple[str, Callable[[bytes], bytes], str]


def _encodings(data: bytes) -> Iterator[Case]:
    text = data.decode("utf-8", "replace")
    yield "byte order mark", b"\xef\xbb\xbf" + data, EITHER
    yield "UTF-16 with mark", text.encode("utf-16"), EITHER
    for encoding in ("utf-16-le", "utf-16-be", "utf-32"):
        yield encoding, text.encode(encoding), REFUSED
    spot = _spot(data)
    yield "cp1252 quotes", data[:spot] + b"\x93\x94" + data[spot:], EITHER
    yield "an invalid byte", data[:spot] + b"\xff" + data[spot:], EITHER
    yield "a lone surrogate", data[:spot] + b"\xed\xa0\x80" + data[spot:], EITHER
    yield "a NUL", data[:spot] + b"\0" + data[spot:], REFUSED
    yield "an escape", data[:spot] + b"\x1b" + data[spot:], EITHER
    yield "a line separator", data[:spot] + "\u2028".encode() + data[spot:], EITHER
    yield "a next-line byte", data[:spot] + b"\xc2\x85" + data[spot:], EITHER
    yield "latin-1 and UTF-8 mixed", data[:spot] + b"\xe9\xc3\xa9" + data[spot:], EITHER
    yield "base64 of itself", b64encode(data), REFUSED


def _line_ends(data: bytes) -> Iterator[Case]:
    yield "CRLF", data.replace(b"\n", b"\r\n"), EITHER
    yield "CR alone", data.replace(b"\r\n", b"\n").replace(b"\n", b"\r"), EITHER
    half = data.find(b"\n", len(data) // 2) + 1
    yield "mixed ends", data[:half].replace(b"\n", b"\r\n") + data[half:], EITHER
    yield "no end at the end", data.rstrip(b"\r\n"), EITHER
    yield "two ends at the end", data + b"\n", EITHER
    yield "blank lines at the start", b"\n\n" + data, EITHER
    yield "blank lines between", data.replace(b"\n", b"\n\n"), EITHER
    yield "an end of file mark", data + b"\x1a", EITHER


def _structures(data: bytes) -> Iterator[Case]:
    lines = data.splitlines(keepends=True)
    row = next(n for n, line in enumerate(lines) if REF.encode() in line)
    whole = lines[row]
    yield "heading line twice", lines[0] + data, EITHER
    yield "heading line alone", lines[0], EITHER
    yield "first line gone", b"".join(lines[1:]), EITHER
    yield "last line gone", b"".join(lines[:-1]), EITHER
    yield "last line twice", data + lines[-1], EITHER
    yield "a row twice", b"".join((*lines[: row + 1], whole, *lines[row + 1 :])), EITHER
    yield "a row gone", b"".join((*lines[:row], *lines[row + 1 :])), EITHER
    yield "a row cut short", b"".join((*lines[:row], whole[: len(whole) // 2], b"\n",
                                       *lines[row + 1 :])), REFUSED  # fmt: skip
    yield "the file twice", data + data, EITHER
    yield "rows backwards", b"".join(reversed(lines)), EITHER
    for delimiter in (b"|", b";", b","):
        if whole.count(delimiter) < 4:
            continue
        yield "a cell more", b"".join(
            (*lines[:row], whole.rstrip(b"\r\n") + delimiter + b"extra\n", *lines[row + 1 :])
        ), REFUSED  # fmt: skip
        yield (
            "a cell less",
            b"".join((*lines[:row], whole.partition(delimiter)[2], *lines[row + 1 :])),
            REFUSED,
        )
        yield "tabs instead", data.replace(delimiter, b"\t"), REFUSED
        other = b";" if delimiter != b";" else b","
        yield "another delimiter", data.replace(delimiter, other), REFUSED
        quoted = whole.replace(REF.encode(), b'"' + REF.encode())
        yield "a quote that never closes", data.replace(whole, quoted), EITHER
        inside = whole.replace(
            REF.encode(), b'"' + REF.encode()[:4] + b"\n" + REF.encode()[4:] + b'"'
        )
        yield "a quoted line end", data.replace(whole, inside), EITHER
        both = whole.replace(REF.encode(), b'"' + REF.encode() + b'"')
        yield "a quoted cell", data.replace(whole, both), EITHER
    spot = _spot(data)
    yield "a field of a megabyte", data[:spot] + b"x" * 1_048_576 + data[spot:], REFUSED
    yield "a megabyte of blanks", data[:spot] + b" " * 1_048_576 + data[spot:], EITHER
    yield "a thousand blank lines", data + b"\n" * 1_000, EITHER
    yield "a line of garbage at the end", data + b"garbage\n", EITHER
    yield "a page's end in it", data[:spot] + b"</body></html>" + data[spot:], EITHER


def _amount_texts() -> tuple[bytes, ...]:
    return (b"9876.54", b"9876,54", b"9.876,54", b"000987654", b"987654")


def _written_amount(data: bytes, *, is_book: bool) -> bytes:
    """Return the sale's amount as this file writes it."""
    text = _members(data) if is_book else data
    return next(amount for amount in _amount_texts() if amount in text)


AMOUNTS = (
    "", " ", "-", "+", ".", ",", "1_000.00", "１２３４.５６", "١٢٣٤.٥٦", "1e3", "1E400", "NaN",
    "Infinity", "sNaN", "-0.00", "0.00", "1.000", "1,000.00", "1.000,00", "1 000.00",
    "1\u00a0000.00", "9876.545", "9876.5", "9876", "98765400", "9" * 30 + ".00", "9" * 5_000,
    "-9876.54", "+9876.54", "(9876.54)", "9876.54-", "9876.54 NOK", "kr 9876.54", "€9876.54",
    "0x1F", "0987.65", "9876.54.1", "9876..54", "null", "None", "#REF!", "=1+1", "٫", "9876’54",
)  # fmt: skip
_REFUSED_AMOUNTS = {
    " ", "-", "+", ".", ",", "1_000.00", "１２３４.５６", "١٢٣٤.٥٦", "1e3", "1E400", "NaN",
    "Infinity", "sNaN", "9" * 30 + ".00", "9" * 5_000, "(9876.54)", "9876.54-",
    "9876.54 NOK", "kr 9876.54", "€9876.54", "0x1F", "9876.54.1", "9876..54", "null",
    "None", "#REF!", "=1+1", "٫", "9876’54", "1,000.00", "1 000.00", "1\u00a0000.00", "9876.545",
}  # fmt: skip


def _amounts(data: bytes, *, is_book: bool) -> Iterator[Change]:
    written = _written_amount(data, is_book=is_book)
    for text in AMOUNTS:
        then = REFUSED if text in _REFUSED_AMOUNTS else EITHER
        yield f"amount {text[:20]!r}", _replacing(written, text), then
    for currency, others in (
        (b"NOK", (b"XXX", b"nok", b"KR", b"", b"JPY", b"NO K")),
        (b"EUR", (b"XXX", b"eur", b"\xe2\x82\xac", b"", b"KWD", b"EU")),
    ):
        text = _members(data) if is_book else data
        if currency not in text:
            continue
        for other in others:
            yield f"currency {other!r}", _replacing(currency, other.decode(), once=True), EITHER
        break


def _replacing(written: bytes, text: str, *, once: bool = False) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(written, text.encode(), 1 if once else -1)


DAYS = (
    "", "0000-00-00", "0001-01-01", "9999-12-31", "2026-02-29", "2024-02-29", "2026-13-01",
    "31/02/2026", "02/31/2026", "2026-10-25", "26-10-14", "14.10.26", "1760400000000", "yesterday",
    "２０２６-10-14", "2026-10-14T24:00:00", "14/10/2026", "2026W42", "20261014", "00000000",
)  # fmt: skip


def _days(data: bytes, *, is_book: bool) -> Iterator[Change]:
    text = _members(data) if is_book else data
    for written in (
        b"2026-10-14",
        b"14/10/2026",
        b"14.10.2026",
        b"14-10-2026",
        b"20261014",
        b"141026",
    ):
        if written in text:
            for day in DAYS:
                yield f"day {day!r}", _replacing(written, day), EITHER
                yield f"one day {day!r}", _replacing(written, day, once=True), EITHER
            return


IDS = (
    "", " ", "0000000000", "7" * 65, "7" * 400, "７７３１９０８２６４", "7731908264 ",
    " 7731908264", "77319 08264", "7731908264\u200b", "=7731908264", "<b>7731908264",
    "7731908264\t", "7.731908E9", "７", "Ω731908264", "-7731908264", "'; DROP TABLE--",
)  # fmt: skip


def _ids(data: bytes, *, is_book: bool) -> Iterator[Change]:
    for ref in IDS:
        then = REFUSED if ref in {"", " ", "7" * 400, "7731908264\u200b"} else EITHER
        yield f"id {ref[:20]!r}", _replacing(REF.encode(), ref), then


def _wrappings(data: bytes) -> Iterator[Case]:
    yield "nothing", b"", REFUSED
    yield "one byte", b"\n", REFUSED
    yield "blanks", b" " * 4_096, REFUSED
    yield "an error page", b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>\n", REFUSED
    yield "an error in JSON", b'{"error":"unauthorized","status":401}\n', REFUSED
    yield "an error in XML", b'<?xml version="1.0"?><error>no</error>\n', REFUSED
    yield "a PDF", b"%PDF-1.7\n1 0 obj <<>> endobj\n%%EOF\n", REFUSED
    yield "a picture", b"\x89PNG\r\n\x1a\n" + bytes(64), REFUSED
    yield "an executable", b"MZ\x90\0" + bytes(512), REFUSED
    yield "gzip that was not opened", gzip.compress(data, mtime=0), REFUSED
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("settlement.txt", data)
    yield "zip that was not opened", packed.getvalue(), REFUSED
    yield "PGP that was not opened", b"-----BEGIN PGP MESSAGE-----\n\nwcBMA\n", REFUSED
    yield "random bytes", bytes((n * 7919 + 13) % 251 for n in range(4_096)), REFUSED
    yield "all zeros", bytes(4_096), REFUSED
    yield (
        "entities that grow",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
        REFUSED,
    )
    yield (
        "an entity from outside",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        REFUSED,
    )
    for other in (
        "H|1|x|1|2026-10-14|2026-10-14|2026-10-15\nE|2\n",
        "a,b,c\n1,2,3\n",
        "a;b\n1;2\n",
    ):
        yield f"another partner's file {other[:8]!r}", other.encode(), EITHER


def _cuts(data: bytes, *, shows_lost_row: bool) -> Iterator[Case]:
    length = len(data.rstrip())
    for part in range(1, 16):
        end = length * part // 16
        lost_a_row = data[end - 1 : end] in (b"\n", b"\r") or data[end : end + 1] in (b"\n", b"\r")
        then = REFUSED if shows_lost_row or not lost_a_row else EITHER
        yield f"cut after {part}/16", data[:end], then


def _spot(data: bytes) -> int:
    """Return a place inside the row of the marked sale: in the middle of its id."""
    return data.find(REF.encode()) + 5


def _members(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return b"".join(book.read(name) for name in book.namelist() if name.endswith(".xml"))


def _inside(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a workbook whose sheets and texts were changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(made, "w") as other:
        for name in book.namelist():
            content = book.read(name)
            is_text = "sharedStrings" in name or "worksheets/" in name
            other.writestr(name, change(content) if is_text else content)
    return made.getvalue()
