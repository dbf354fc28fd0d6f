"""The OCR giro file: ids across two fields, KIDs with a minus, sums that are proved twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import vipps_ocr
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

OPTIONS = {"wallet": "vipps", "timezone": "Europe/Oslo"}
KIDS = (
    "119930260000000",
    "-12345678919001",
    "119930252000000",
    "00981234576842",
    "119930252000000",
    "0076543211234567898838912",
    "9876543211234567898888856",
)


def published() -> list[str]:
    """Seven payments of 4.00, numbered and written as in the published sample."""
    rows = [
        "NY00001000009000000000200010780",
        "NY090020000010780000000205030000001",
    ]
    for number, kid in enumerate(KIDS, 1):
        rows += [
            f"NY095030{number:07d}1401175013900000000000000000000400{kid:>25}",
            f"NY095031{number:07d}{100019126 + number:026d}130117",
        ]
    rows += [
        "NY090088000000070000001600000000000002800" + "140117" * 3,
        "NY000089000000070000001800000000000002800140117",
    ]
    return [row.ljust(80, "0") for row in rows]


GOOD = published()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vipps.txt"


def put(path: Path, rows: list[str]) -> Path:
    path.write_text("".join(f"{row}\n" for row in rows), encoding="ascii")
    return path


def changed(number: int, start: int, text: str) -> list[str]:
    """The good file with a text at a position (both from 1) of one record."""
    rows = list(GOOD)
    row = rows[number - 1]
    rows[number - 1] = row[: start - 1] + text + row[start - 1 + len(text) :]
    return rows


def test_the_published_file_is_read(path: Path) -> None:
    assert {len(row) for row in GOOD} == {80}
    statement, lines = samples.read_all("vipps_ocr", put(path, GOOD), OPTIONS)
    assert statement.problems == []
    assert [one.ref for one in lines] == [str(ref) for ref in range(100019127, 100019134)]
    assert [one.gross for one in lines] == ["400"] * 7
    assert {(one.fee, one.net, one.currency, one.store) for one in lines} == {
        ("0", "400", "NOK", "10780")
    }
    assert [one.merchant_ref for one in lines] == list(KIDS)
    assert lines[1].merchant_ref == "-12345678919001"
    assert [one.no for one in lines] == [3, 5, 7, 9, 11, 13, 15]
    (batch,) = statement.batches
    assert (batch.ref, str(batch.value_date)) == ("10780-2", "2017-01-14")
    assert (batch.declared_count, batch.declared_gross_minor) == (7, 2_800)
    assert (batch.declared_fee_minor, batch.declared_net_minor) == (0, 2_800)
    assert (str(statement.period_from), str(statement.period_to)) == ("2017-01-13", "2017-01-13")
    assert (statement.identity, statement.sequence, statement.sequence_of) == (
        "10780 transmission 2", 2, "10780",
    )  # fmt: skip
    assert (statement.records, statement.others) == (18, 11)


def test_any_type_of_transaction_is_taken(path: Path) -> None:
    # The specification writes the second record as 13, the sample as 50.
    rows = [row.replace("NY095031", "NY091331").replace("NY095030", "NY092130") for row in GOOD]
    _statement, lines = samples.read_all("vipps_ocr", put(path, rows), OPTIONS)
    assert len(lines) == 7


def test_the_id_is_read_where_the_specification_puts_it_too(path: Path) -> None:
    rows = changed(4, 16, "00000000004444444440000000")
    _statement, lines = samples.read_all("vipps_ocr", put(path, rows), OPTIONS)
    assert lines[0].ref == "4444444440000000"


def test_a_refund_has_its_sign_before_the_amount(path: Path) -> None:
    rows = changed(3, 32, "-")
    rows[16] = rows[16].replace("2800", "2000")
    rows[17] = rows[17].replace("2800", "2000")
    statement, lines = samples.read_all("vipps_ocr", put(path, rows), OPTIONS)
    assert (lines[0].kind, lines[0].gross) == ("refund", "-400")
    assert statement.batches[0].declared_gross_minor == 2_000


def test_the_shop_can_be_named_by_the_feed(path: Path) -> None:
    options = {**OPTIONS, "store": "513428"}
    statement, lines = samples.read_all("vipps_ocr", put(path, GOOD), options)
    assert {one.store for one in lines} == {"513428"}
    assert statement.batches[0].ref == "10780-2"


@pytest.mark.parametrize(
    ("digits", "expected"),
    [("1234567", "4"), ("0", "0"), ("9", "1"), ("123456781234567", "0"), ("00123", "0")],
)
def test_check_digits_of_modulus_10(digits: str, expected: str) -> None:
    assert vipps_ocr.mod10(digits) == expected


@pytest.mark.parametrize(
    ("digits", "expected"), [("1234567", "4"), ("5", "1"), ("8", "6"), ("6", "-"), ("0", "0")]
)
def test_check_characters_of_modulus_11(digits: str, expected: str) -> None:
    # 1234567 x 8765432... : weights 2 to 7, then 2 again.
    assert vipps_ocr.mod11(digits) == expected


@given(st.text("0123456789", min_size=1, max_size=24), st.data())
def test_every_single_wrong_digit_shows(digits: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(digits) - 1))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != digits[place]]))
    wrong = digits[:place] + other + digits[place + 1 :]
    assert vipps_ocr.mod10(digits) != vipps_ocr.mod10(wrong)
    assert vipps_ocr.mod11(digits) != vipps_ocr.mod11(wrong)


def test_a_wrong_check_digit_is_warned_of_where_the_feed_has_one(path: Path) -> None:
    def kid(text: str) -> list[str]:
        rows = GOOD
        for number in range(3, 17, 2):
            rows = [*rows[: number - 1], rows[number - 1][:49] + text.rjust(25) + "0" * 6,
                    *rows[number:]]  # fmt: skip
        return rows

    for check, right, wrong in (
        ("mod10", "12345674", "12345675"), ("mod11", "6-", "60"), ("mod11", "12345674", ""),
    ):  # fmt: skip
        options = {**OPTIONS, "kid": check}
        statement, _lines = samples.read_all("vipps_ocr", put(path, kid(right)), options)
        assert statement.problems == []
        statement, lines = samples.read_all("vipps_ocr", put(path, kid(wrong)), options)
        assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
            ("bad_value", number, False) for number in range(3, 17, 2)
        ]
        assert len(lines) == 7


@pytest.mark.parametrize(
    ("number", "start", "text", "expected"),
    [
        (1, 1, "NY000011", ("not_this_layout", 1)),
        (2, 9, "00001078x", ("bad_value", 2)),
        (3, 9, "0000009", ("bad_value", 4)),
        (3, 16, "310217", ("bad_date", 4)),
        (3, 32, "+", ("bad_value", 3)),
        (3, 33, "0000000000000040O", ("bad_value", 3)),
        (3, 33, "99999999999999999", ("bad_amount", 4)),
        (3, 33, "00000000000000401", ("total_differs", 17)),
        (3, 50, "     11993-26000000000000", ("bad_value", 3)),
        (4, 16, "0" * 26, ("bad_value", 4)),
        (4, 42, "320117", ("bad_date", 4)),
        (4, 7, "30", ("unknown_type", 4)),
        (17, 9, "00000008", ("count_differs", 17)),
        (17, 17, "00000017", ("count_differs", 17)),
        (17, 41, "1", ("total_differs", 17)),
        (17, 42, "999999", ("bad_date", 17)),
        (18, 9, "00000006", ("count_differs", 18)),
        (18, 17, "00000017", ("count_differs", 18)),
        (18, 41, "1", ("total_differs", 18)),
        (18, 7, "88", ("bad_value", 18)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, start: int, text: str, expected: tuple[str, int]
) -> None:
    rows = changed(number, start, text)
    assert samples.errors("vipps_ocr", put(path, rows), OPTIONS)[0] == expected


def test_a_day_outside_the_stated_days_is_warned_of(path: Path) -> None:
    statement, _lines = samples.read_all("vipps_ocr", put(path, changed(17, 48, "150117150117")),
                                         OPTIONS)  # fmt: skip
    assert [(one.code, one.line_no) for one in statement.problems] == [("bad_date", 17)]


def test_records_lost_anywhere_are_noticed(path: Path) -> None:
    for number in range(18):
        rows = [*GOOD[:number], *GOOD[number + 1 :]]
        assert samples.errors("vipps_ocr", put(path, rows), OPTIONS), f"record {number + 1} lost"


def test_a_record_of_79_characters_is_refused(path: Path) -> None:
    rows = [*GOOD[:4], GOOD[4][:-1], *GOOD[5:]]
    assert samples.errors("vipps_ocr", put(path, rows), OPTIONS)[0] == ("bad_columns", 5)


def test_a_file_without_transactions_is_empty(path: Path) -> None:
    rows = [GOOD[0], GOOD[17].replace("0000000700000018", "0000000000000002")]
    assert samples.errors("vipps_ocr", put(path, rows), OPTIONS) == [("empty", 2)]


def test_several_assignments_are_several_batches(path: Path) -> None:
    lines = [
        samples.line(400, 0, ref="1", store="10780", merchant_ref="", occurred_at=""),
        samples.line(500, 0, ref="2", store="10781", merchant_ref="", occurred_at=""),
    ]
    sheet = samples.sheet("vipps_ocr", lines, wallet="vipps")
    vipps_ocr.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("vipps_ocr", path, OPTIONS)
    assert [one.ref for one in statement.batches] == ["10780-7", "10781-7"]
    assert [one.batch for one in read] == [0, 1]
    rows = path.read_text().splitlines()
    assert rows[-1].startswith("NY000089000000020000001000000000000000900")
    again = [*rows[:-1], *rows[1:5], rows[-1]]
    assert samples.errors("vipps_ocr", put(path, again), OPTIONS)[0] == ("bad_value", 10)


@pytest.mark.parametrize(
    "fields",
    [{"fee": "5", "net": "395"}, {"ref": "A1"}, {"ref": "01"}, {"currency": "SEK"},
     {"merchant_ref": "table-7"}, {"merchant_ref": "1" * 26}, {"kind": "not_a_payment"},
     {"store": "shop"}],
)  # fmt: skip
def test_what_the_file_cannot_say_is_not_written(path: Path, fields: dict[str, str]) -> None:
    one = samples.line(400, 0, occurred_at="", merchant_ref="1")
    vipps_ocr.write(path, samples.sheet("vipps_ocr", [one], wallet="vipps"), OPTIONS)
    with pytest.raises(CannotWrite):
        vipps_ocr.write(
            path, samples.sheet("vipps_ocr", [one._replace(**fields)], wallet="vipps"), OPTIONS
        )


def test_a_sum_below_zero_has_no_place_in_an_end_record(path: Path) -> None:
    one = samples.line(-400, 0, merchant_ref="")
    with pytest.raises(CannotWrite):
        vipps_ocr.write(path, samples.sheet("vipps_ocr", [one], wallet="vipps"), OPTIONS)


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for number in range(draw(st.integers(1, 8))):
        minor = draw(st.integers(1, 10**11))
        found.append(samples.line(
            minor, 0, ref=f"{draw(st.integers(1, 10**20))}{number}",
            store=draw(st.sampled_from(["16655", "513428"])), occurred_at="",
            merchant_ref=draw(st.from_regex(r"\A-?[0-9]{0,23}-?\Z")),
        ))  # fmt: skip
        if draw(st.booleans()):
            refund = draw(st.integers(1, minor))
            last = found[-1]
            found.append(samples.line(
                -refund, 0, ref=f"9{last.ref}", store=last.store, occurred_at="", merchant_ref="",
            ))  # fmt: skip
    return sorted(found, key=lambda one: one.store)


@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(path: Path, lines: list[Line]) -> None:
    sheet = samples.sheet("vipps_ocr", lines, wallet="vipps")
    numbers = vipps_ocr.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("vipps_ocr", path, OPTIONS)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers
    assert {len(row) for row in path.read_text().splitlines()} == {80}
