"""Ways in which a good file is damaged: small edits that know what settlement files are made of."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import NamedTuple

from hypothesis import strategies as st

TOKENS = (
    b'"', b"'", b'""', b";", b",", b"|", b"\t", b"\0", b"\r", b"\n", b"\r\n", b"\n\n", b"\x1a",
    b"\x1b", b"\xff", b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80",
    b"\xc2\xa0", b"\xc2\xb2", "0²".encode(), "²".encode("latin-1"), "７".encode(), "٣".encode(),
    b"9" * 25, b"9" * 5_000, b"1e9", b"1_0", b"-", b"+", b".", b"0x10", b"NaN", b"-0", b"00",
    b"99999999", b"00000000", b"0001-01-01", b"9999-12-31", b"2026-02-30", b"JPY", b"XXX",
    b"<", b">", b"</", b"&lt;", b"&amp;", b"&#0;", b"&#xD800;", b"&x;", b"]]>", b"<![CDATA[",
    b"<!--", b"-->", b"<?x ?>", b"<!DOCTYPE a>", b"{", b"}", b"[", b"]", b"\\ud800", b"\\u0000",
    b"null", b"true", b"{}", b"=1+1", b" " * 100, b"x" * 70_000,
)  # fmt: skip
"""What partners' files are broken by."""


class Edit(NamedTuple):
    """One edit: what is done, where (of a million), how far, and with what."""

    what: str
    at: int
    to: int
    size: int
    token: bytes


WHATS = (
    "flip", "delete", "insert", "replace", "twice", "swap", "line gone", "line twice",
    "lines swapped", "digit", "cut",
)  # fmt: skip

edits = st.lists(
    st.builds(
        Edit,
        what=st.sampled_from(WHATS),
        at=st.integers(0, 999_999),
        to=st.integers(0, 999_999),
        size=st.one_of(st.integers(1, 12), st.integers(1, 400)),
        token=st.one_of(st.sampled_from(TOKENS), st.binary(min_size=1, max_size=4)),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, wanted: list[Edit]) -> bytes:
    """Return the data with every edit made, one after the other."""
    for one in wanted:
        data = _EDITS[one.what](data, one) if data else data
    return data


def damaged_inside(data: bytes, wanted: list[Edit]) -> bytes:
    """Return a workbook of which one part was edited, packed anew and whole."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(made, "w") as other:
        names = book.namelist()
        # Most edits are made where the rows and the texts are.
        inner = [name for name in names if "sheet" in name.lower()] * 3 + names
        spoilt = inner[wanted[0].size % len(inner)]
        for name in names:
            content = book.read(name)
            other.writestr(name, damaged(content, wanted) if name == spoilt else content)
    return made.getvalue()


def _place(data: bytes, millionth: int) -> int:
    return len(data) * millionth // 1_000_000


def _flip(data: bytes, one: Edit) -> bytes:
    at = _place(data, one.at)
    return data[:at] + bytes([data[at] ^ (1 << one.size % 8)]) + data[at + 1 :]


def _delete(data: bytes, one: Edit) -> bytes:
    at = _place(data, one.at)
    return data[:at] + data[at + one.size :]


def _insert(data: bytes, one: Edit) -> bytes:
    at = _place(data, one.at)
    return data[:at] + one.token + data[at:]


def _replace(data: bytes, one: Edit) -> bytes:
    at = _place(data, one.at)
    return data[:at] + one.token + data[at + one.size :]


def _twice(data: bytes, one: Edit) -> bytes:
    at, to = _place(data, one.at), _place(data, one.to)
    return data[:to] + data[at : at + one.size] + data[to:]


def _swap(data: bytes, one: Edit) -> bytes:
    at, to = sorted((_place(data, one.at), _place(data, one.to)))
    at_end = min(at + one.size, to)
    to_end = to + one.size
    return data[:at] + data[to:to_end] + data[at_end:to] + data[at:at_end] + data[to_end:]


def _line(lines: list[bytes], millionth: int) -> int:
    return len(lines) * millionth // 1_000_000


def _line_gone(data: bytes, one: Edit) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[_line(lines, one.at)]
    return b"".join(lines)


def _line_twice(data: bytes, one: Edit) -> bytes:
    lines = data.splitlines(keepends=True)
    lines.insert(_line(lines, one.to), lines[_line(lines, one.at)])
    return b"".join(lines)


def _lines_swapped(data: bytes, one: Edit) -> bytes:
    lines = data.splitlines(keepends=True)
    at, to = _line(lines, one.at), _line(lines, one.to)
    lines[at], lines[to] = lines[to], lines[at]
    return b"".join(lines)


def _digit(data: bytes, one: Edit) -> bytes:
    """Change the next digit behind a place into another."""
    for at in range(_place(data, one.at), len(data)):
        if data[at : at + 1].isdigit():
            other = (data[at] - 48 + 1 + one.size % 9) % 10 + 48
            return data[:at] + bytes([other]) + data[at + 1 :]
    return data


def _cut(data: bytes, one: Edit) -> bytes:
    return data[: _place(data, one.at)]


_EDITS: dict[str, Callable[[bytes, Edit], bytes]] = {
    "flip": _flip, "delete": _delete, "insert": _insert, "replace": _replace, "twice": _twice,
    "swap": _swap, "line gone": _line_gone, "line twice": _line_twice,
    "lines swapped": _lines_swapped, "digit": _digit, "cut": _cut,
}  # fmt: skip
