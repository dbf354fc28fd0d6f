"""What holds for every layout: round trip, counting, cut files, lying totals, same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.wallets.formats import samples
from tests.wallets.formats.cases import CASES, lines_of
from wallets import formats
from wallets.formats.statement import Line

LAYOUTS = sorted(CASES)


def options_of(layout: str) -> dict[str, Any]:
    return CASES[layout].told()


def canonical(lines: list[Line]) -> list[Line]:
    return [one._replace(no=0) for one in lines]


def test_every_layout_that_can_be_written_is_tried_here() -> None:
    assert formats.written() == LAYOUTS


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def written(layout: str, tmp_path: Path) -> Path:
    path = CASES[layout].path(tmp_path)
    sheet = samples.sheet(layout, lines_of(layout), wallet=CASES[layout].wallet)
    formats.get(layout).write(path, sheet, options_of(layout))
    return path


def test_what_is_written_is_read_back_exactly(layout: str, tmp_path: Path) -> None:
    sheet = samples.sheet(layout, lines_of(layout), wallet=CASES[layout].wallet)
    path = CASES[layout].path(tmp_path)
    numbers = formats.get(layout).write(path, sheet, options_of(layout))
    statement, lines = samples.read_all(layout, path, options_of(layout))
    assert statement.problems == []
    assert canonical(lines) == sheet.lines
    assert [one.no for one in lines] == numbers
    assert numbers == sorted(set(numbers))
    assert (statement.period_from, statement.period_to) == (samples.DAY, samples.DAY)
    assert [(b.ref, b.wallet, b.currency) for b in statement.batches] == [
        (b.ref, b.wallet, b.currency) for b in sheet.batches
    ]


def test_the_same_sheet_makes_the_same_bytes(layout: str, written: Path) -> None:
    first = written.read_bytes()
    sheet = samples.sheet(layout, lines_of(layout), wallet=CASES[layout].wallet)
    formats.get(layout).write(written, sheet, options_of(layout))
    assert written.read_bytes() == first


@pytest.mark.parametrize("misstate", [1, -250])
def test_a_total_that_lies_is_refused(layout: str, tmp_path: Path, misstate: int) -> None:
    if not CASES[layout].declares:
        pytest.skip("declares no total")
    lines = lines_of(layout)
    sheet = samples.sheet(layout, lines, wallet=CASES[layout].wallet, misstate_minor=misstate)
    path = CASES[layout].path(tmp_path)
    formats.get(layout).write(path, sheet, options_of(layout))
    codes = {code for code, _line_no in samples.errors(layout, path, options_of(layout))}
    assert codes == {"total_differs"}


def test_a_period_without_lines_is_a_file_too(layout: str, tmp_path: Path) -> None:
    if not CASES[layout].empty:
        pytest.skip("has no file without lines")
    path = CASES[layout].path(tmp_path)
    sheet = samples.sheet(layout, [], wallet=CASES[layout].wallet)
    assert formats.get(layout).write(path, sheet, options_of(layout)) == []
    statement, lines = samples.read_all(layout, path, options_of(layout))
    assert (lines, statement.problems) == ([], [])
    assert (statement.period_from, statement.period_to) == (samples.DAY, samples.DAY)
    assert statement.records == statement.others


def test_a_cut_file_is_never_read(layout: str, written: Path) -> None:
    whole = written.read_bytes()
    content = len(whole.rstrip()) if CASES[layout].is_text else len(whole)
    cuts = {1, 3, content // 4, content // 3, content // 2, content - 400, content - 80}
    cuts |= {content - n for n in range(1, 40)}
    for cut in sorted(cuts):
        if not CASES[layout].shows_a_lost_row and whole[cut - 1 : cut] == b"\n":
            continue  # no total: a row lost at a line's end cannot show
        written.write_bytes(whole[:cut])
        assert samples.errors(layout, written, options_of(layout)), f"readable when cut at {cut}"


def test_an_empty_file_is_named_so(layout: str, written: Path) -> None:
    written.write_bytes(b"")
    assert samples.errors(layout, written, options_of(layout)) == [("empty", 0)]


def test_a_file_over_the_cap_is_not_read(layout: str, written: Path) -> None:
    options = {**options_of(layout), "max_bytes": written.stat().st_size - 1}
    assert samples.errors(layout, written, options) == [("too_large", 0)]


@pytest.mark.parametrize(
    "content",
    [b"<html><body>502</body></html>\n", b'{"error": "no"}\n', b"\0" * 600, b"%PDF-1.7\n\xff\n"],
)
def test_something_else_is_not_this_layout(layout: str, written: Path, content: bytes) -> None:
    written.write_bytes(content)
    (code, _line_no), *_more = samples.errors(layout, written, options_of(layout))
    assert code in {"not_this_layout", "bad_encoding", "bad_columns", "truncated", "bad_value"}


def test_text_files_read_the_same_with_crlf_and_byte_order_mark(layout: str, written: Path) -> None:
    if not CASES[layout].is_text:
        pytest.skip("not a text file")
    _statement, plain = samples.read_all(layout, written, options_of(layout))
    written.write_bytes(written.read_bytes().replace(b"\n", b"\r\n"))
    assert samples.read_all(layout, written, options_of(layout))[1] == plain
    if CASES[layout].takes_bom:
        written.write_bytes(b"\xef\xbb\xbf" + written.read_bytes())
        assert samples.read_all(layout, written, options_of(layout))[1] == plain


def test_utf16_is_refused_or_reads_the_same(layout: str, written: Path) -> None:
    if not CASES[layout].is_text:
        pytest.skip("not a text file")
    text = written.read_bytes().decode("latin-1")
    if CASES[layout].takes_utf16:
        plain = samples.read_all(layout, written, options_of(layout))[1]
        written.write_bytes(text.encode("utf-16"))
        assert samples.read_all(layout, written, options_of(layout))[1] == plain
        return
    written.write_bytes(text.encode("utf-16"))
    (code, _line_no), *_more = samples.errors(layout, written, options_of(layout))
    assert code == "bad_encoding"


def test_a_resent_and_a_corrected_file_have_one_identity(layout: str, written: Path) -> None:
    module = formats.get(layout)
    options = options_of(layout)
    head = written.read_bytes()[: 64 * 1024]
    first = module.identify(written.name, head, options)
    again = written.with_stem(written.stem + "-corrected")
    lines = lines_of(layout)
    lines[0] = CASES[layout].carries(lines[0]._replace(ref="OTHER1"))
    sheet = samples.sheet(layout, lines, wallet=CASES[layout].wallet)
    module.write(again, sheet, options)
    assert module.identify(again.name, again.read_bytes()[: 64 * 1024], options) == first
    assert module.identify(written.with_stem(written.stem + "_2").name, head, options) == first
    assert module.read(again, options).identity == first
