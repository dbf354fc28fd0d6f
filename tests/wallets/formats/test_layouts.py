"""What holds for every layout: round trip, counting, cut files, lying totals, same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wallets.formats import samples
from wallets import formats
from wallets.formats.statement import Line

SUFFIX = {"vipps_xml3": "xml", "epassi_xlsx": "xlsx"}
WALLETS = {
    "vipps_xml3": ("vipps", "Europe/Oslo", "+02:00"),
    "alipay_settlement": ("alipay", "Asia/Shanghai", "+08:00"),
    "epassi_xlsx": ("epassi", "Europe/Helsinki", "+03:00"),
    "mobilepay_csv": ("pivo", "Europe/Helsinki", "+00:00"),
    "scheme": ("bluecode", "Europe/Vienna", "+02:00"),
    "momo_csv": ("momo", "Europe/Madrid", "+02:00"),
    "pagaqui_fixed": ("pagaqui", "Europe/Lisbon", "+01:00"),
}
DECLARES = set(WALLETS) - {"alipay_settlement"}
EMPTY_ALLOWED = set(WALLETS) - {"vipps_xml3"}
LAYOUTS = sorted(formats.LAYOUTS)


def options_of(layout: str) -> dict[str, str]:
    wallet, zone, _offset = WALLETS[layout]
    return {"wallet": wallet, "timezone": zone, "partner_id": "2088100200300400"}


def path_of(layout: str, folder: Path) -> Path:
    if layout == "alipay_settlement":
        return folder / "alipay_2088100200300400_settlement_20261014.txt"
    return folder / f"{WALLETS[layout][0]}_20261014.{SUFFIX.get(layout, 'csv')}"


def lines_of(layout: str) -> list[Line]:
    """Two shops, five currencies, a sale and its refund each; some without a fee."""
    wallet, _zone, offset = WALLETS[layout]
    found = []
    for number, currency in enumerate(("EUR", "NOK", "SEK", "DKK", "ISK")):
        for store in ("100001", "100002"):
            ref = f"P{number}{store}"
            common = {
                "wallet": wallet, "store": store, "currency": currency,
                "merchant_ref": "" if number == 1 else f"table-{number}",
                "occurred_at": f"2026-10-14T1{number}:30:05{offset}",
            }  # fmt: skip
            found += [
                samples.line(4990 + number, 0 if currency == "ISK" else 61, ref=ref, **common),
                samples.line(-1205, 0, ref=f"R{number}{store}", **common),
            ]
    # A file is in the order of its batches.
    by = formats.get(layout).BATCH_BY
    return sorted(found, key=lambda one: tuple(getattr(one, name) for name in by))


def canonical(lines: list[Line]) -> list[Line]:
    return [one._replace(no=0) for one in lines]


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def written(layout: str, tmp_path: Path) -> Path:
    path = path_of(layout, tmp_path)
    sheet = samples.sheet(layout, lines_of(layout), wallet=WALLETS[layout][0])
    formats.get(layout).write(path, sheet, options_of(layout))
    return path


def test_what_is_written_is_read_back_exactly(layout: str, tmp_path: Path) -> None:
    sheet = samples.sheet(layout, lines_of(layout), wallet=WALLETS[layout][0])
    path = path_of(layout, tmp_path)
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
    sheet = samples.sheet(layout, lines_of(layout), wallet=WALLETS[layout][0])
    formats.get(layout).write(written, sheet, options_of(layout))
    assert written.read_bytes() == first


@pytest.mark.parametrize("misstate", [1, -250])
def test_a_total_that_lies_is_refused(layout: str, tmp_path: Path, misstate: int) -> None:
    if layout not in DECLARES:
        pytest.skip("declares no total")
    lines = lines_of(layout)
    sheet = samples.sheet(layout, lines, wallet=WALLETS[layout][0], misstate_minor=misstate)
    path = path_of(layout, tmp_path)
    formats.get(layout).write(path, sheet, options_of(layout))
    codes = {code for code, _line_no in samples.errors(layout, path, options_of(layout))}
    assert codes == {"total_differs"}


def test_a_period_without_lines_is_a_file_too(layout: str, tmp_path: Path) -> None:
    if layout not in EMPTY_ALLOWED:
        pytest.skip("has no file without lines")
    path = path_of(layout, tmp_path)
    sheet = samples.sheet(layout, [], wallet=WALLETS[layout][0])
    assert formats.get(layout).write(path, sheet, options_of(layout)) == []
    statement, lines = samples.read_all(layout, path, options_of(layout))
    assert (lines, statement.problems) == ([], [])
    assert (statement.period_from, statement.period_to) == (samples.DAY, samples.DAY)
    assert statement.records == statement.others


def test_a_cut_file_is_never_read(layout: str, written: Path) -> None:
    whole = written.read_bytes()
    content = len(whole.rstrip()) if layout != "epassi_xlsx" else len(whole)
    cuts = {1, 3, content // 4, content // 3, content // 2, content - 400, content - 80}
    cuts |= {content - n for n in range(1, 40)}
    for cut in sorted(cuts):
        if layout == "alipay_settlement" and whole[cut - 1 : cut] == b"\n":
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
    if layout == "epassi_xlsx":
        pytest.skip("not a text file")
    _statement, plain = samples.read_all(layout, written, options_of(layout))
    written.write_bytes(written.read_bytes().replace(b"\n", b"\r\n"))
    assert samples.read_all(layout, written, options_of(layout))[1] == plain
    if layout not in ("momo_csv", "pagaqui_fixed"):
        written.write_bytes(b"\xef\xbb\xbf" + written.read_bytes())
        assert samples.read_all(layout, written, options_of(layout))[1] == plain


def test_utf16_is_refused(layout: str, written: Path) -> None:
    if layout == "epassi_xlsx":
        pytest.skip("not a text file")
    written.write_bytes(written.read_bytes().decode("latin-1").encode("utf-16"))
    (code, _line_no), *_more = samples.errors(layout, written, options_of(layout))
    assert code == "bad_encoding"


def test_a_resent_and_a_corrected_file_have_one_identity(layout: str, written: Path) -> None:
    module = formats.get(layout)
    options = options_of(layout)
    head = written.read_bytes()[: 64 * 1024]
    first = module.identify(written.name, head, options)
    again = written.with_stem(written.stem + "-corrected")
    lines = lines_of(layout)
    lines[0] = lines[0]._replace(ref="OTHER1")
    sheet = samples.sheet(layout, lines, wallet=WALLETS[layout][0])
    module.write(again, sheet, options)
    assert module.identify(again.name, again.read_bytes()[: 64 * 1024], options) == first
    assert module.identify(written.with_stem(written.stem + "_2").name, head, options) == first
    assert module.read(again, options).identity == first
