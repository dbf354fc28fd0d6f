"""Reading by the block is reading line by line: same lines, problems, sums and counts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wallets.formats import samples
from tests.wallets.formats.cases import CASES
from wallets import formats
from wallets.formats import blocks
from wallets.formats.statement import Line, Room, Unreadable

OPTIONS: dict[str, dict[str, Any]] = {
    "adyen_settlement": {"wallet": "adyen", "timezone": "Europe/Amsterdam"},
    "alipay_settlement": {
        "wallet": "alipay",
        "name": "alipay_2088100200300400_settlement_20261014.txt",
    },
    "alipay_transactions": {"wallet": "alipay", "partner_id": "2088100200300400"},
    "alipayplus_settlement": {
        "wallets": {"AlipayCN": "alipay", "Kakao": "kakao"},
        "wallet": "alipay",
        "name": "20261015_transactionItems_1022188000000000001_EUR_2026101400000000007_A7_000.csv",
    },
    "antom_settlement": {
        "wallet": "alipay",
        "name": "20261015_settlementItems_EUR_2026101500000000007_000.csv",
    },
    "antom_transactions": {
        "wallet": "alipay",
        "unit": "major",
        "name": "transactionItems_20261014_000.csv",
    },
    "momo_csv": {"wallet": "momo", "timezone": "Europe/Madrid"},
    "pagaqui_fixed": {"wallet": "pagaqui", "timezone": "Europe/Lisbon"},
    "scheme": {"wallet": "bluecode", "timezone": "Europe/Vienna"},
    "vipps_csv": {"wallet": "vipps", "timezone": "Europe/Oslo"},
}
LAYOUTS = sorted(OPTIONS)
ANTOM = ("alipayplus_settlement", "antom_settlement", "antom_transactions")
ONE_CURRENCY = ("alipayplus_settlement", "antom_settlement")
UNSIGNED = ("alipay_settlement", "alipay_transactions")
NO_MOVEMENTS = ("vipps_csv",)
DELIMITERS = {
    "adyen_settlement": b",",
    "alipay_settlement": b"|", "alipay_transactions": b"|",
    "alipayplus_settlement": b",", "antom_settlement": b",", "antom_transactions": b",",
    "momo_csv": b";", "scheme": b"|",
    "vipps_csv": b",",
}  # fmt: skip

NEVER = 1 << 40
FEWER = settings(samples.PROPERTY, max_examples=30)
"""Every example is read twice, in every layout."""


def told(layout: str, path: Path, *, least: int, block: int) -> dict[str, Any]:
    """All that a reading says, with blocks of that many bytes taken from ``least`` bytes on."""
    statement, lines, refused = None, [], None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "LEAST_BYTES", least)
        patch.setattr(blocks, "BLOCK_BYTES", block)
        try:
            statement = formats.get(layout).read(path, OPTIONS[layout])
            lines.extend(statement.lines)
        except Unreadable as error:
            refused = error.problem
    assert all(type(line) is Line for line in lines)
    said: dict[str, Any] = {"lines": lines, "refused": refused}
    if statement is not None:
        said |= {
            "batches": [asdict(batch) for batch in statement.batches],
            "problems": statement.problems, "records": statement.records,
            "others": statement.others, "identity": statement.identity,
            "period": (statement.period_from, statement.period_to),
        }  # fmt: skip
    return said


def assert_same(layout: str, path: Path, *, block: int) -> dict[str, Any]:
    strict = told(layout, path, least=NEVER, block=1 << 16)
    assert told(layout, path, least=0, block=block) == strict
    return strict


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return request.param


IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="|;"),
              min_size=1, max_size=64)  # fmt: skip
TEXTS = st.one_of(
    st.just(""), st.just("mesa 7"), st.just("x" * 140), st.just('say "hi"'),
    st.text(st.sampled_from("abcøéß·-. 7ÅÑ\xa0"), max_size=20).map(str.strip),
)  # fmt: skip
TIMES = st.sampled_from([
    "", "2026-10-14T00:00:00+01:00", "2026-10-14T12:30:00+02:00", "2026-10-14T23:59:59+00:00",
    "2026-02-28T23:59:59+00:00", "2026-10-25T02:30:00+02:00", "2026-10-25T12:00:00+01:00",
    "2026-03-29T12:00:00+02:00", "2026-10-14T12:30:00-05:00",
])  # fmt: skip


@st.composite
def some_lines(draw: st.DrawFn, layout: str) -> list[Line]:
    """Up to forty lines; most files are of one usual kind, so that long runs are plain."""
    odd = draw(st.booleans())
    currencies = draw(st.sampled_from([["EUR"], ["EUR", "ISK"], list(samples.CURRENCIES)]))
    found = []
    for number in range(draw(st.integers(0, 40))):
        kind = draw(st.sampled_from(["sale", "sale", "refund", "not_a_payment"]))
        minor = draw(st.one_of(st.integers(0, 120), st.integers(0, 10**6), st.just(10**11)))
        if kind == "refund" or (kind == "not_a_payment" and draw(st.booleans())):
            minor = -minor
        fee = draw(st.one_of(st.just(0), st.integers(-120, 10**5)))
        if layout in UNSIGNED:
            # It has no signs: a refund gives its fee back.
            kind = "sale" if kind == "not_a_payment" else kind
            minor = abs(minor) if kind == "sale" else -abs(minor)
            fee = draw(st.integers(min(minor, 0), max(minor, 0)))
        if layout in NO_MOVEMENTS and kind == "not_a_payment":
            minor = 0
        currency = "EUR" if layout in ONE_CURRENCY else draw(st.sampled_from(currencies))
        fields: dict[str, Any] = {
            "kind": kind, "currency": currency, "ref": f"P{number}", "merchant_ref": "mesa 7",
            "wallet": OPTIONS[layout]["wallet"], "occurred_at": "2026-10-14T12:30:00+02:00",
        }  # fmt: skip
        if layout == "alipayplus_settlement":
            fields["wallet"] = draw(st.sampled_from(["alipay", "kakao"]))
        if layout in ANTOM and kind != "not_a_payment" and draw(st.integers(0, 9)) == 0:
            paid_in = "EUR" if layout in ONE_CURRENCY else "ISK"
            settled = draw(st.sampled_from([minor, minor // 12]))
            if currency == paid_in:
                currency = fields["currency"] = "DKK"
            fields |= {
                "settled_currency": paid_in, "settled_gross": str(settled),
                "net": str(settled - fee), "rate": draw(st.sampled_from(["", "0.134", "13.4"])),
            }  # fmt: skip
        if layout == "scheme":
            fields["wallet"] = draw(st.sampled_from(["bluecode", "momo"]))
            if draw(st.integers(0, 9)) == 0:
                settled = minor + draw(st.sampled_from([0, 7]))
                settled = minor if kind == "refund" else settled
                fields |= {
                    "settled_currency": "DKK",
                    "settled_gross": str(settled),
                    "net": str(settled - fee),
                    "rate": draw(st.sampled_from(["", "0.0851"])),
                }
                if currency == "DKK":
                    fields |= {"settled_gross": str(minor), "net": str(minor - fee)}
        if odd:
            fields |= {
                "ref": draw(IDS),
                "store": draw(IDS),
                "merchant_ref": draw(TEXTS),
                "occurred_at": draw(TIMES),
                "original_ref": draw(st.one_of(st.just(""), IDS)),
            }
        found.append(samples.line(minor, fee, **fields))
    return found


def write(layout: str, path: Path, lines: list[Line]) -> None:
    module = formats.get(layout)
    unwritable = getattr(module, "ROOM", Room()).unwritable
    kept = [
        one for one in lines
        if one.merchant_ref.isprintable() and not any(map("".join(one[2:]).count, unwritable))
    ]  # fmt: skip
    if not kept and not CASES[layout].empty:
        kept = [samples.line(wallet=OPTIONS[layout]["wallet"])]
    sheet = samples.sheet(layout, kept, wallet=OPTIONS[layout]["wallet"])
    module.write(path, sheet, OPTIONS[layout])


BLOCKS = st.sampled_from([1, 200, 700, 4000, 1 << 16])


@given(data=st.data(), block=BLOCKS, crlf=st.booleans())
@FEWER
def test_a_good_file_reads_the_same(
    layout: str, tmp_path: Path, data: st.DataObject, block: int, crlf: bool
) -> None:
    path = tmp_path / "file.txt"
    lines = data.draw(some_lines(layout))
    write(layout, path, lines)
    if crlf:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    said = assert_same(layout, path, block=block)
    assert said["problems"] == []
    assert said["refused"] is None


BYTES = st.one_of(
    st.sampled_from(list(b'|;"\n\r \0-+.,0159:TZSRVDO\xff\x85\xa0\x1f')), st.integers(0, 255)
)


@given(data=st.data(), block=BLOCKS)
@FEWER
def test_a_damaged_file_reads_the_same(
    layout: str, tmp_path: Path, data: st.DataObject, block: int
) -> None:
    path = tmp_path / "file.txt"
    write(layout, path, data.draw(some_lines(layout)))
    whole = bytearray(path.read_bytes())
    for _damage in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole) - 1))
        damage = data.draw(st.sampled_from(["flip", "insert", "drop", "line", "twice", "cut"]))
        begins = whole.rfind(b"\n", 0, at) + 1
        ends = (whole.find(b"\n", at) + 1) or len(whole)
        if damage == "flip":
            whole[at] = data.draw(BYTES)
        elif damage == "insert":
            whole[at:at] = bytes([data.draw(BYTES)])
        elif damage == "drop":
            del whole[at]
        elif damage == "line":
            del whole[begins:ends]
        elif damage == "twice":
            whole[begins:begins] = whole[begins:ends]
        else:
            del whole[at + 1 :]
        if not whole:
            break
    path.write_bytes(bytes(whole))
    assert_same(layout, path, block=block)


@given(data=st.data(), block=BLOCKS)
@FEWER
def test_a_changed_cell_reads_the_same(
    layout: str, tmp_path: Path, data: st.DataObject, block: int
) -> None:
    """Digits are swapped and cells replaced where only arithmetic, dates or sums can tell."""
    path = tmp_path / "file.txt"
    write(layout, path, data.draw(some_lines(layout)))
    rows = path.read_bytes().split(b"\n")
    row = data.draw(st.integers(0, len(rows) - 1))
    if layout == "pagaqui_fixed":
        found = bytearray(rows[row])
        digits = [at for at, one in enumerate(found) if 48 <= one <= 57]
        if digits:
            found[data.draw(st.sampled_from(digits))] = data.draw(st.integers(48, 57))
        rows[row] = bytes(found)
    else:
        delimiter = DELIMITERS[layout]
        cells = rows[row].split(delimiter)
        at = data.draw(st.integers(0, len(cells) - 1))
        cells[at] = data.draw(st.sampled_from([
            b"", b"0", b"0.00", b"0,00", b"-0.00", b"1.00", b"1,00", b"-1.00", b"12", b"+1.00",
            b"1.0", b"2026-02-30T12:00:00+02:00", b"2026-10-14T12:30:00Z", b"12:30:60",
            b"2026-10-14 12:30:00+02:00", b"2026-10-14T12:30:00.123+02:00", b"31/02/2026",
            b"EUR", b"ISK", b"ZZZ", b"IDR", b" a", b"a ", b"a b", b"x" * 65, b"x" * 141, b"TOTAL",
            b"D", b"S", b"VENTA",
            b"PAYMENT", b"CANCEL", b"CAPTURE", b"FAIL", b"-50", b"007",
            b"-0", b"USD", b"R", b"F", b"SETTLED", b"2026-10-14 24:00:00",
            b"DEVOLUCI\xd3N", b"0.0", b"1.5", b"12345678901.00",
            b"9999999999.99", b"000.00", b"24:00:00", b'"', b"\xc3\xb1", b"\t", b"1/02/2026",
        ]))  # fmt: skip
        rows[row] = delimiter.join(cells)
    path.write_bytes(b"\n".join(rows))
    assert_same(layout, path, block=block)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["PAYMENT", "PAYMENT", "REFUND", "CAPTURE", "CANCEL", "SETTLEMENT_FEE"]),
        st.integers(0, 10**6), st.integers(-120, 120), st.integers(-9, 9),
        st.sampled_from(["", "EUR", "EUR", "DKK"]), st.sampled_from(["", "R1", "R 1"]),
        st.sampled_from(["", "mesa 7"]), st.sampled_from(["", "P9"]), TIMES, TIMES,
        st.sampled_from(["M1", "M2", "M3"]), st.booleans(),
    ),
    max_size=40,
)  # fmt: skip


@given(rows=ROWS, usual=st.booleans(), refund_id=st.booleans(), block=BLOCKS)
@FEWER
def test_a_report_of_other_columns_reads_the_same(
    tmp_path: Path, rows: list[Any], usual: bool, refund_id: bool, block: int
) -> None:
    """Fees of two columns, shops of a table, ids of refunds, times and orders in two columns."""
    path = tmp_path / "file.csv"
    texts = [
        "settlementBatchId,transactionType,transactionId,originalTransactionId,"
        "transactionRequestId,referenceTransactionId,paymentTime,transactionTime,"
        "transactionAmountValue,transactionCurrency,settlementAmountValue,settlementCurrency,"
        "feeAmountValue,feeCurrency,taxFeeAmountValue,taxFeeCurrency,referenceMerchantId,other",
        "7,PAYMENT,P0,,,,2026-10-14T12:30:00+02:00,,5,EUR,5,EUR,,,,,M1,",
    ]
    for number, row in enumerate(rows):
        word, minor, fee, tax, code, own, order, of, first, second, shop, unsigned = row
        if usual:
            word, code, shop = ("REFUND" if word == "REFUND" else "PAYMENT"), "EUR", "M1"
            own = own.replace(" ", "")
        sign = -1 if word in ("REFUND", "CANCEL") else 1
        price = minor if unsigned else sign * minor
        texts.append(
            f"7,{word},P{number},{of},{own},{order},{first},{second},{price},EUR,"
            f"{sign * minor + fee + tax},EUR,{fee or ''},{code},{tax},EUR,{shop},"
        )
    path.write_text("\n".join([*texts, "<END>", ""]), encoding="utf-8")
    options = {"stores": {"M1": "100001", "M2": "100 2"}, "name": "items.csv"}
    if refund_id:
        options["refund_id"] = "transactionRequestId"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OPTIONS, "antom_settlement", options)
        said = assert_same("antom_settlement", path, block=block)
    if usual:
        assert said["problems"] == []
        assert len(said["lines"]) == len(rows) + 1


# -- the plain path is really taken, and left where it must be ---------------------------------


def many(layout: str, path: Path, count: int = 200) -> list[bytes]:
    """Write so many lines in two currencies; return the rows of the file."""
    other = "DKK" if layout in UNSIGNED or layout == "adyen_settlement" else "ISK"
    lines = [
        samples.line(
            1000 + number, 7, wallet=OPTIONS[layout]["wallet"], ref=f"P{number}",
            currency="EUR" if number % 3 or layout in ONE_CURRENCY else other,
            occurred_at="2026-10-14T12:30:00+02:00",
        )
        for number in range(count)
    ]  # fmt: skip
    write(layout, path, lines)
    return path.read_bytes().split(b"\n")


@pytest.fixture
def strict_lines(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the lines that were read strictly."""
    found: list[int] = []
    original = blocks.LineReader.text

    def noted(reader: blocks.LineReader, raw: bytes) -> str:
        found.append(reader.number + 1)
        return original(reader, raw)

    monkeypatch.setattr(blocks.LineReader, "text", noted)
    return found


def read(layout: str, path: Path) -> tuple[Any, list[Line]]:
    return samples.read_all(layout, path, OPTIONS[layout])


def test_plain_lines_are_not_read_one_by_one(
    layout: str, tmp_path: Path, strict_lines: list[int]
) -> None:
    path = tmp_path / "file.txt"
    rows = many(layout, path)
    _statement, lines = read(layout, path)
    assert len(lines) == 200
    # The heading, the first line of each batch and what comes behind the lines.
    assert len(strict_lines) <= len(rows) - 200 + 4


def test_a_wrong_line_between_plain_ones_is_named(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    rows = many(layout, path)
    rows[150] = rows[150].replace(b"EUR", b"EUX")
    rows[150] = rows[150].replace(b"ISK", b"ISX").replace(b"DKK", b"DKX")
    path.write_bytes(b"\n".join(rows))
    said = assert_same(layout, path, block=1 << 16)
    assert [(one.code, one.line_no) for one in said["problems"]] == [("currency_unknown", 151)]
    assert len(said["lines"]) == 199


def test_after_an_odd_line_the_plain_ones_go_on(
    layout: str, tmp_path: Path, strict_lines: list[int]
) -> None:
    path = tmp_path / "file.txt"
    rows = many(layout, path)
    rows[100] = rows[100].replace(b"table-7", b'tab"e-7')
    path.write_bytes(b"\n".join(rows))
    statement, lines = read(layout, path)
    assert statement.problems == []
    assert [one.no for one in lines if '"' in one.merchant_ref] == [101]
    assert 101 in strict_lines
    assert not {90, 99, 102, 110} & set(strict_lines)


def test_where_every_other_line_is_odd_the_strict_path_keeps_going(
    layout: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.txt"
    rows = many(layout, path)
    for number in range(50, 150, 2):
        rows[number] = rows[number].replace(b"table-7", b'tab"e-7')
    path.write_bytes(b"\n".join(rows))
    assert len(assert_same(layout, path, block=1 << 16)["lines"]) == 200


def test_a_byte_that_is_no_text_is_refused_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    rows = many("scheme", path)
    rows[120] = rows[120].replace(b"table-7", b"tabl\xe9-7")
    path.write_bytes(b"\n".join(rows))
    said = assert_same("scheme", path, block=1 << 16)
    assert (said["refused"].code, said["refused"].line_no) == ("bad_encoding", 121)
    assert len(said["lines"]) == 119


def test_an_endless_line_is_refused_behind_plain_ones(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    rows = many(layout, path)
    rows[120] = b"x" * 70_000
    path.write_bytes(b"\n".join(rows))
    for block in (1 << 12, 1 << 18):
        said = assert_same(layout, path, block=block)
        assert (said["refused"].code, said["refused"].line_no) == ("bad_value", 121)


def test_the_night_on_which_clocks_change_reads_the_same(tmp_path: Path) -> None:
    for layout in ("momo_csv", "pagaqui_fixed"):
        path = tmp_path / f"{layout}.txt"
        lines = [
            samples.line(1000 + hour, 7, wallet=OPTIONS[layout]["wallet"], ref=f"P{hour}",
                         currency="EUR", occurred_at=f"2026-10-25T{hour:02d}:30:00+00:00")
            for hour in range(24)
        ]  # fmt: skip
        write(layout, path, lines * 4)
        said = assert_same(layout, path, block=1 << 16)
        assert len(said["lines"]) == 96


def test_a_first_cell_that_closes_the_file_is_never_plain(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    rows = many("momo_csv", path)
    cells = rows[120].split(b";")
    rows[120] = b";".join([b"TOTAL", *cells[1:]])
    path.write_bytes(b"\n".join(rows))
    said = assert_same("momo_csv", path, block=1 << 16)
    assert (said["problems"][0].code, said["problems"][0].line_no) == ("bad_columns", 121)


def test_nets_that_leave_refunds_out_are_told_once_and_days_widen_the_period(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file.csv"
    lines = [
        samples.line(-1000 if number % 4 == 3 else 1000 + number, 0, ref=f"P{number}",
                     occurred_at="2026-10-14T12:30:00+02:00")
        for number in range(200)
    ]  # fmt: skip
    write("vipps_csv", path, lines)
    rows = [row.split(b",") for row in path.read_bytes().split(b"\n")]
    first = len(rows) - 201
    for row in rows[first:-1]:
        if row[11] != b"0.00":
            row[12] = row[10]
    rows[first + 150][1] = b"12.10.2026"
    path.write_bytes(b"\n".join(b",".join(row) for row in rows))
    said = assert_same("vipps_csv", path, block=1 << 16)
    [warning] = said["problems"]
    assert (warning.code, warning.line_no, warning.is_error) == ("bad_amount", first + 4, False)
    assert "in 50 rows" in warning.text
    assert [str(day) for day in said["period"]] == ["2026-10-12", "2026-10-14"]
    assert said["lines"][3].net == "-1000"
