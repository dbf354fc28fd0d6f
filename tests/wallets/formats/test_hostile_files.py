"""Files that someone made in order to harm: small, well formed, and costly or far-reaching."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import oracle, seeds

ENTITIES = (
    b'<!DOCTYPE a [<!ENTITY a0 "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
    + b"]>"
)
FROM_OUTSIDE = b'<!DOCTYPE a SYSTEM "file:///etc/passwd">'
FAR = b"<!--" + b"x" * 400_000 + b"-->"
"""So that what follows is not in the head that is looked at first."""

XML = ("camt", "vipps_xml2", "vipps_xml3")
BOOKS = ("epassi_xlsx", "vipps_xlsx")
MEGABYTES = 1 << 20
Change = Callable[[bytes], bytes]


def came(layout: str, folder: Path, data: bytes, **options: int) -> str:
    """Return the code that a file is refused for, or "" where it is read whole."""
    name, _good, told = seeds.good(layout)
    path = folder / name
    path.write_bytes(data)
    return oracle.judge(layout, path, {**told, **options}).code


def text_of(data: bytes, text: bytes) -> bytes:
    """Put something where a report has the text of a merchant's reference or a statement's id."""
    return data.replace(b"table-0", text).replace(b">S-1<", b">" + text + b"<")


@pytest.mark.parametrize("layout", XML)
@pytest.mark.parametrize("before", [b"", FAR], ids=["near", "far"])
@pytest.mark.parametrize("doctype", [ENTITIES, FROM_OUTSIDE], ids=["growing", "from outside"])
def test_no_document_type_is_ever_read(
    tmp_path: Path, layout: str, before: bytes, doctype: bytes
) -> None:
    good = seeds.good(layout)[1]
    at = good.index(b"?>") + 2
    spoilt = text_of(good[:at] + before + doctype + good[at:], b"&a11;")
    assert came(layout, tmp_path, spoilt) in {"bad_value", "not_this_layout"}


@pytest.mark.parametrize("layout", XML)
@pytest.mark.parametrize("text", [b"&#0;", b"&#xD800;", b"&x;"])
def test_no_sign_that_is_none_is_taken(tmp_path: Path, layout: str, text: bytes) -> None:
    good = seeds.good(layout)[1]
    assert came(layout, tmp_path, text_of(good, text)) in {"bad_value", "not_this_layout"}


@pytest.mark.parametrize("layout", XML)
@pytest.mark.parametrize("size", [100_000, 300_000])
def test_no_depth_of_tags_is_followed(tmp_path: Path, layout: str, size: int) -> None:
    good = seeds.good(layout)[1]
    tag = b"<Ntry>" if layout == "camt" else b"</SettlementInfo>"
    deep = good.replace(tag, b"<a>" * size + b"</a>" * size + tag, 1)
    assert came(layout, tmp_path, deep) in {"bad_value", "not_this_layout"}


def book(layout: str, part: str, change: Change, *, without: str = "") -> bytes:
    """Return a workbook in which one part was changed, and perhaps one is absent."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(seeds.good(layout)[1])) as good,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as other,
    ):
        for name in good.namelist():
            if name != without:
                content = good.read(name)
                other.writestr(name, change(content) if part in name else content)
    return made.getvalue()


SHEET = "worksheets/sheet1"
RELATIONS = "workbook.xml.rels"


def before_end(more: bytes) -> Change:
    return lambda content: content.replace(b"</sheetData>", more + b"</sheetData>")


@pytest.mark.parametrize("layout", BOOKS)
@pytest.mark.parametrize(
    ("part", "change", "expected"),
    [
        (SHEET, before_end(b'<row r="9"><c r="XFD9"><v>1</v></c></row>'), "too_large"),
        (SHEET, before_end(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), "too_large"),
        (SHEET, before_end(b'<row r="9999999999"><c r="A9999999999"><v>1</v></c></row>'),
         "too_large"),
        (SHEET, before_end(b" " * (20 * MEGABYTES)), "too_large"),
        (SHEET, lambda content: re.sub(rb'<dimension ref="[^"]*"',
                                       b'<dimension ref="A1:XFD1048576"', content), ""),
        (SHEET, lambda content: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', content),
         ""),
        (SHEET, lambda _content: b"", "not_this_layout"),
        (RELATIONS, lambda content: content.replace(b"worksheets/sheet1.xml",
                                                    b"../../../../etc/passwd"), "not_this_layout"),
    ],
    ids=["16384 columns", "the last cell", "a row that is none", "20 MB of blanks",
         "a dimension too large", "a dimension too small", "an empty sheet", "a part outside"],
)  # fmt: skip
def test_a_hostile_workbook_costs_nothing(
    tmp_path: Path, layout: str, part: str, change: Change, expected: str
) -> None:
    data = book(layout, part, change)
    assert came(layout, tmp_path, data, max_unpacked_bytes=16 * MEGABYTES) == expected


@pytest.mark.parametrize("layout", BOOKS)
@pytest.mark.parametrize(
    "part", ["_rels/.rels", "xl/_rels/workbook.xml.rels", "xl/workbook.xml",
             "xl/worksheets/sheet1.xml"],
)  # fmt: skip
def test_a_workbook_without_a_part_is_refused(tmp_path: Path, layout: str, part: str) -> None:
    assert came(layout, tmp_path, book(layout, "-", bytes, without=part)) == "not_this_layout"


@pytest.mark.parametrize("layout", BOOKS)
def test_a_size_that_lies_does_not_pass_the_cap(tmp_path: Path, layout: str) -> None:
    data = book(layout, SHEET, before_end(b" " * (40 * MEGABYTES)))
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        [size] = [part.file_size for part in packed.infolist() if SHEET in part.filename]
    lying = data.replace(size.to_bytes(4, "little"), (1_000).to_bytes(4, "little"))
    assert lying != data
    assert came(layout, tmp_path, lying, max_unpacked_bytes=16 * MEGABYTES) == "truncated"
