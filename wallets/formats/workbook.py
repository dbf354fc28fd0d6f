"""Workbooks (XLSX) of any partner: proved to be small enough, then read as rows of cells. Pure.

A workbook is a ZIP archive of XML, and what it unpacks to is decided by whoever made it: a
cell in the last row and column makes a table of 17 thousand million cells. So the archive is
looked through before it is opened, and only as many cells are read as 16 columns of a full
sheet have.
"""

from __future__ import annotations

import errno
import re
import struct
import zipfile
import zlib
from datetime import date, datetime
from typing import IO, Any

from python_calamine import CalamineError, CalamineWorkbook

from wallets.formats.statement import refuse

MOST_ROWS = 1_048_576
MOST_UNPACKED = 1024**3
_MOST_PARTS = 64
_PIECE = 1 << 20
# A directory of parts that was cut sends the reader to a place before the first byte: EINVAL.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, OverflowError,
    NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip
_OTHER_BOOKS = {"xl/workbook.bin", "content.xml"}
_PACKED_BY = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}

Cell = str | float | int | bool | date | datetime


def _stray(letters: bytes, rows: bytes) -> re.Pattern[bytes]:
    """Return what finds a cell outside of these columns and rows, or without a place."""
    return re.compile(
        rb"<(?:\w++:)?c(?=[\s/>])(?:\s+(?!r\s*=)[\w:.\-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*+"
        rb"(?!\s+r\s*=\s*[\"']" + letters + rows + rb"[\"'])"
    )


_WIDTHS = (
    ("A to P", 1_048_576, _stray(rb"[A-P]", rb"(?:[0-9]{1,6}|10[0-4][0-9]{4})"),
     re.compile(rb"<c(?! r=\"[A-P][0-9]{1,6}\")[\s/>]")),
    ("A to AZ", 299_999, _stray(rb"A?[A-Z]", rb"(?:[0-9]{1,5}|[12][0-9]{5})"),
     re.compile(rb"<c(?! r=\"A?[A-Z][0-9]{1,5}\")[\s/>]")),
    ("A to SF", 29_999, _stray(rb"(?:[A-R]?[A-Z]|S[A-F])", rb"(?:[0-9]{1,4}|[12][0-9]{4})"),
     re.compile(rb"<c(?! r=\"[A-R]?[A-Z][0-9]{1,4}\")[\s/>]")),
)  # fmt: skip
"""How wide a sheet may be for how many rows: what is outside, and what is looked at closely."""
_STRING_ENDS = re.compile(rb"</(?:\w+:)?si\s*>")


def rows(source: IO[bytes], options: dict[str, Any]) -> list[list[Cell]]:
    """Return the rows of the first sheet, from A1 on; refuse what is no whole workbook."""
    if source.read(2) != b"PK":
        raise refuse("not_this_layout", 0, "This is no XLSX workbook. Is it another file?")
    source.seek(0)
    _check(source, int(options.get("max_unpacked_bytes", MOST_UNPACKED)))
    source.seek(0)
    try:
        sheet = CalamineWorkbook.from_filelike(source).get_sheet_by_index(0)
        found: list[list[Cell]] = sheet.to_python(skip_empty_area=False, nrows=MOST_ROWS)
    except (CalamineError, OSError, ValueError) as error:
        raise refuse("not_this_layout", 0, f"The workbook cannot be read: {error}") from None
    return found


def _check(source: IO[bytes], cap: int) -> None:
    try:
        with zipfile.ZipFile(source) as package:
            parts = package.infolist()
            unpacked = sum(part.file_size for part in parts)
            if unpacked > cap or len(parts) > _MOST_PARTS:
                raise refuse(
                    "too_large", 0,
                    f"The workbook unpacks to {unpacked} bytes in {len(parts)} parts; this feed "
                    f"takes {cap} in {_MOST_PARTS}. Ask the partner to split it.",
                )  # fmt: skip
            names = {part.filename for part in parts}
            if any(part.compress_type not in _PACKED_BY for part in parts):
                raise refuse("not_this_layout", 0, "The workbook is packed as no XLSX ever is.")
            damaged = package.testzip()
            if not damaged:
                _check_extent(package, cap)
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        damaged, names = "the package", {"xl/workbook.xml"}
    if damaged:
        raise refuse(
            "truncated", 0, f"The workbook is damaged at {damaged}. Ask for it to be sent again."
        )
    if "xl/workbook.xml" not in names or names & _OTHER_BOOKS:
        raise refuse("not_this_layout", 0, "This is a ZIP file, but no XLSX workbook.")


def _check_extent(package: zipfile.ZipFile, cap: int) -> None:
    """Refuse a workbook that unpacks to little and would still fill the memory when read.

    Cells are laid out as a full table, and a shared string is copied for every cell that
    names it.
    """
    longest = named = 0
    for part in package.infolist():
        with package.open(part) as file:
            rest, string = file.read(_PIECE), 0
            if not rest.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
                continue
            fits = list(_WIDTHS)
            while rest:
                piece = file.read(_PIECE)
                # A tag that would be cut waits for the next piece.
                cut = rest.rfind(b"<") if piece else len(rest)
                if cut < 0 or len(rest) - cut > _PIECE:
                    raise refuse("too_large", 0, f"{part.filename} holds an endless text or tag.")
                text, rest = rest[:cut], rest[cut:] + piece
                fits = [one for one in fits if not _outside(text, one)]
                if not fits:
                    raise refuse(
                        "too_large", 0,
                        f"{part.filename} has too many cells, or cells that say no place: up to "
                        + ", ".join(f"columns {one[0]} in {one[1]:,} rows" for one in _WIDTHS)
                        + ". Ask the partner for fewer columns or rows.",
                    )  # fmt: skip
                named += text.count(b'"s"') + text.count(b"'s'")
                before = -string
                for ends in _STRING_ENDS.finditer(text) if b"si" in text else ():
                    longest, before = max(longest, ends.end() - before), ends.end()
                string = len(text) - before
    if longest * named > 2 * cap:
        raise refuse(
            "too_large", 0,
            f"{named} cells share strings of up to {longest} bytes; this feed takes {cap} bytes.",
        )  # fmt: skip


def _outside(
    text: bytes, width: tuple[str, int, re.Pattern[bytes], re.Pattern[bytes]]
) -> re.Match[bytes] | None:
    _name, _most, stray, unusual = width
    usual = b":c" not in text and not unusual.search(text)
    return None if usual else stray.search(text)
