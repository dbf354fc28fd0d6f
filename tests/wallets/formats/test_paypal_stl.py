"""PayPal's settlement report: unsigned amounts, letters for the direction, trailers that prove."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import paypal_stl
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

OPTIONS = {"wallet": "paypal"}
HEADINGS = [column.name for column in paypal_stl.COLUMNS]
TIME = "2026/10/14 12:30:05 +0200"


def row(*cells: str) -> str:
    return ",".join(cells)


def sb(ref: str, code: str, letters: str, gross: str, fee: str = "", **more: str) -> str:
    """A movement; a fee is given with its letters, as ``DR225``."""
    cells = {
        "Transaction ID": f'"{ref}"', "Transaction Event Code": f'"{code}"',
        "Transaction Initiation Date": TIME, "Transaction Completion Date": TIME,
        "Transaction  Debit or Credit": f'"{letters}"', "Gross Transaction Amount": gross,
        "Gross Transaction Currency": '"EUR"', "Fee Debit or Credit": f'"{fee[:2]}"',
        "Fee Amount": fee[2:], "Fee Currency": '"EUR"' if fee else '""', "Store ID": '"100001"',
    }  # fmt: skip
    cells |= {name.replace("_", " "): f'"{text}"' for name, text in more.items()}
    return row('"SB"', *(cells.get(name, '""') for name in HEADINGS))


SH = '"SH",2026/10/14 00:00:00 +0200,2026/10/14 23:59:59 +0200,"ACCOUNT1",""'
CH = row('"CH"', *(f'"{name}"' for name in HEADINGS))
GOOD = [
    '"RH",2026/10/15 03:20:35 +0200,"X","ACCOUNT1",009',
    '"FH",01',
    SH,
    CH,
    sb("4AP00000C9000000B", "T0006", "CR", "10000", "DR225", Invoice_ID='table ""7"", left'),
    sb(
        "5BQ", "T1107", "DR", "4000", "CR47",
        PayPal_Reference_ID="4AP00000C9000000B", PayPal_Reference_ID_Type="TXN",
    ),
    '"SF","EUR",10000,4000,47,225,"CR",0,"CR",5822',
    '"SC",2',
    '"RF","EUR",10000,4000,47,225,"CR",0,"CR",5822',
    '"RC",2',
    '"FF",2',
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "STL-20261014.01.009.CSV"


def put(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def body(*movements: str, sums: str, currency: str = "EUR") -> list[str]:
    """A file of one section with these movements and the four sums that it declares."""
    footer, rows = f'"{currency}",{sums}', len(movements)
    return [
        *GOOD[:4], *movements, f'"SF",{footer}', f'"SC",{rows}', f'"RF",{footer}', f'"RC",{rows}',
        f'"FF",{rows}',
    ]  # fmt: skip


def test_a_report_is_read_with_both_directions(path: Path) -> None:
    statement, lines = samples.read_all("paypal_stl", put(path, GOOD), OPTIONS)
    assert statement.problems == []
    assert lines == [
        samples.line(
            10_000, 225, no=5, wallet="paypal", ref="4AP00000C9000000B", currency="EUR",
            merchant_ref='table "7", left', occurred_at="2026-10-14T12:30:05+02:00",
        ),
        samples.line(
            -4_000, -47, no=6, wallet="paypal", ref="5BQ", currency="EUR", merchant_ref="",
            occurred_at="2026-10-14T12:30:05+02:00", original_ref="4AP00000C9000000B",
        ),
    ]  # fmt: skip
    (batch,) = statement.batches
    assert (batch.ref, batch.currency) == ("ACCOUNT1-20261014-EUR", "EUR")
    assert (batch.declared_gross_minor, batch.declared_fee_minor) == (6_000, 178)
    assert batch.declared_net_minor == 5_822
    assert statement.identity == "ACCOUNT1 2026-10-14..2026-10-14 X 1"
    assert (str(statement.period_from), statement.records, statement.others) == (
        "2026-10-14", 11, 9,
    )  # fmt: skip


@pytest.mark.parametrize(("currency", "shown"), [("EUR", "100.00"), ("JPY", "10000")])
def test_ten_thousand_is_a_hundred_euro_or_ten_thousand_yen(
    path: Path, currency: str, shown: str
) -> None:
    from portal.core.money import from_minor

    movement = sb("1", "T0006", "CR", "10000", Gross_Transaction_Currency=currency)
    lines = body(movement, sums="10000,0,0,0", currency=currency)
    _statement, (line,) = samples.read_all("paypal_stl", put(path, lines), OPTIONS)
    assert (line.gross, line.currency) == ("10000", currency)
    assert from_minor(int(line.gross), currency) == shown


def test_the_heading_of_the_direction_has_two_blanks() -> None:
    assert "Transaction  Debit or Credit" in HEADINGS


def test_an_old_file_is_utf16_with_headings_without_blanks(path: Path) -> None:
    _statement, lines = samples.read_all("paypal_stl", put(path, GOOD), OPTIONS)
    old = [*GOOD[:3], CH.replace(" ", ""), *GOOD[4:]]
    path.write_bytes("".join(f"{line}\r\n" for line in old).encode("utf-16"))
    assert samples.read_all("paypal_stl", path, OPTIONS)[1] == lines
    assert paypal_stl.identify("x", path.read_bytes(), OPTIONS) == (
        "ACCOUNT1 2026-10-14..2026-10-14 X 1"
    )
    whole = path.read_bytes()
    for cut in range(1, 60):
        path.write_bytes(whole[:-cut])
        assert samples.errors("paypal_stl", path, OPTIONS), f"readable when cut by {cut}"


def test_an_old_file_without_store_ids_takes_the_account_or_the_option(path: Path) -> None:
    # The last two columns came with version 7.
    old = [GOOD[4], GOOD[5], CH]
    old = [",".join(line.split(",")[:-2]) for line in old]
    lines = [*GOOD[:3], old[2], old[0], old[1], *GOOD[6:]]
    _statement, found = samples.read_all("paypal_stl", put(path, lines), OPTIONS)
    assert [line.store for line in found] == ["ACCOUNT1", "ACCOUNT1"]
    _statement, found = samples.read_all("paypal_stl", path, {**OPTIONS, "store": "100009"})
    assert [line.store for line in found] == ["100009", "100009"]


def test_sections_are_accounts_and_each_has_its_currencies(path: Path) -> None:
    other = SH.replace("ACCOUNT1", "ACCOUNT2")
    nok = sb("8", "T0000", "CR", "900", Gross_Transaction_Currency="NOK")
    lines = [
        *GOOD[:8], other, CH, sb("7", "T0018", "CR", "500"), nok, '"SF","NOK",900,0,0,0',
        '"SF","EUR",500,0,0,0', '"SC",2', '"RF","EUR",10500,4000,47,225', '"RF","NOK",900,0,0,0',
        '"RC",4', '"FF",4',
    ]  # fmt: skip
    statement, found = samples.read_all("paypal_stl", put(path, lines), OPTIONS)
    assert statement.problems == []
    assert [(b.ref, b.declared_net_minor) for b in statement.batches] == [
        ("ACCOUNT1-20261014-EUR", 5_822),
        ("ACCOUNT2-20261014-EUR", 500),
        ("ACCOUNT2-20261014-NOK", 900),
    ]
    assert [line.batch for line in found] == [0, 0, 1, 2]


def test_totals_of_a_report_of_several_files_are_not_compared(path: Path) -> None:
    lines = [GOOD[0], '"FH",02', *GOOD[2:8], '"RF","EUR",999999,0,0,0', '"RC",1000002', GOOD[10]]
    statement, found = samples.read_all("paypal_stl", put(path, lines), OPTIONS)
    assert (len(found), statement.problems) == (2, [])
    assert statement.identity.endswith(" 2")
    first = [*GOOD[:8], GOOD[10]]
    assert len(samples.read_all("paypal_stl", put(path, first), OPTIONS)[1]) == 2


@pytest.mark.parametrize(
    ("code", "letters", "kind"),
    [
        ("T0000", "CR", "sale"), ("T0000", "DR", "not_a_payment"), ("T1106", "DR", "refund"),
        ("T1106", "CR", "not_a_payment"), ("T1108", "DR", "not_a_payment"),
        ("T1110", "DR", "not_a_payment"), ("T1201", "DR", "not_a_payment"),
        ("T0400", "DR", "not_a_payment"), ("T9999", "CR", "not_a_payment"),
    ],
)  # fmt: skip
def test_the_event_and_its_direction_say_what_it_is(
    path: Path, code: str, letters: str, kind: str
) -> None:
    sums = "700,0,0,0" if letters == "CR" else "0,700,0,0"
    lines = body(sb("1", code, letters, "350"), sb("2", code, letters, "350"), sums=sums)
    statement, found = samples.read_all("paypal_stl", put(path, lines), OPTIONS)
    assert [line.kind for line in found] == [kind, kind]
    assert {line.gross for line in found} == {"350" if letters == "CR" else "-350"}
    warned = [(one.code, one.line_no, one.is_error) for one in statement.problems]
    assert warned == ([("unknown_type", 5, False)] if kind == "not_a_payment" else [])


def test_a_line_end_inside_quotes_belongs_to_its_cell(path: Path) -> None:
    movement = sb("1", "T0006", "CR", "350", Custom_Field="two\nlines")
    lines = body(movement, sb("2", "T0006", "CR", "1"), sums="351,0,0,0")
    _statement, found = samples.read_all("paypal_stl", put(path, lines), OPTIONS)
    assert [(line.no, line.ref) for line in found] == [(5, "1"), (7, "2")]


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (1, '"RH"', '"XX"', ("not_this_layout", 1)),
        (2, "01", "one", ("bad_value", 2)),
        (3, "2026/10/14 23", "2026/10/13 23", ("bad_date", 3)),
        (3, "ACCOUNT1", "", ("bad_value", 3)),
        (4, "Fee Amount", "Fees", ("bad_columns", 4)),
        (4, "Invoice ID", "Fee  Amount", ("duplicate_heading", 4)),
        (5, ",10000,", ",100.00,", ("bad_amount", 5)),
        (5, ",10000,", ",-10000,", ("bad_amount", 5)),
        (5, ",10000,", ',"",', ("bad_amount", 5)),
        (5, ",10000,", ",１0000,", ("bad_amount", 5)),
        (5, '"CR"', '"C"', ("bad_value", 5)),
        (5, '"CR"', '""', ("bad_value", 5)),
        (5, '"T0006"', '"T6"', ("unknown_type", 5)),
        (5, "4AP00000C9000000B", "", ("bad_value", 5)),
        (5, "+0200", "", ("bad_date", 5)),
        (5, "2026/10/14", "2026/14/10", ("bad_date", 5)),
        (5, '"EUR","DR"', '"QQQ","DR"', ("currency_unknown", 5)),
        (5, '225,"EUR"', '225,"NOK"', ("bad_value", 5)),
        (5, '"SB"', '"SX"', ("unknown_type", 5)),
        (5, ',"100001"', "", ("bad_columns", 5)),
        (5, '"100001"', '"100001', ("bad_value", 5)),
        (5, '"100001"', '"100 001"', ("bad_value", 5)),
        (7, "10000", "10001", ("total_differs", 7)),
        (7, "225", "224", ("total_differs", 7)),
        (7, "10000,4000", "10500,4500", ("total_differs", 7)),
        (7, "EUR", "SEK", ("total_differs", 7)),
        (7, '"SF"', '"SC",2\n"SF"', ("unknown_type", 8)),
        (8, "2", "3", ("count_differs", 8)),
        (9, "10000", "10001", ("total_differs", 9)),
        (10, "2", "1", ("count_differs", 10)),
        (11, "2", "1", ("count_differs", 11)),
        (11, '"FF",2', '"RC",2', ("unknown_type", 11)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in GOOD[number - 1]
    lines = [*GOOD[: number - 1], GOOD[number - 1].replace(old, new, 1), *GOOD[number:]]
    assert samples.errors("paypal_stl", put(path, lines), OPTIONS)[0] == expected


def test_a_file_without_its_end_was_cut(path: Path) -> None:
    assert samples.errors("paypal_stl", put(path, GOOD[:10]), OPTIONS) == [("truncated", 10)]


@pytest.mark.parametrize("number", [5, 6, 7, 8, 11])
def test_a_lost_row_is_noticed(path: Path, number: int) -> None:
    lines = [*GOOD[: number - 1], *GOOD[number:]]
    assert samples.errors("paypal_stl", put(path, lines), OPTIONS)


def test_a_movement_after_the_sum_of_its_currency_is_refused(path: Path) -> None:
    lines = [*GOOD[:7], GOOD[4], *GOOD[7:]]
    assert samples.errors("paypal_stl", put(path, lines), OPTIONS)[0] == ("unknown_type", 8)


def test_a_conversion_is_not_written(path: Path) -> None:
    one = samples.line(1_000, 0, settled_currency="EUR", settled_gross="85", net="85")
    with pytest.raises(CannotWrite):
        paypal_stl.write(path, samples.sheet("paypal_stl", [one], wallet="paypal"), OPTIONS)


IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
TEXTS = st.text(st.sampled_from('abcøéß·-., "7ÅÑ'), max_size=30).map(str.strip)
TIMES = ["", "2026-10-14T00:00:00+01:00", "2026-02-28T23:59:59-08:00"]


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for _number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["sale", "refund", "not_a_payment"]))
        minor = draw(st.integers(0, 10**11))
        if kind == "refund" or (kind == "not_a_payment" and draw(st.booleans())):
            minor = -minor
        found.append(samples.line(
            minor, draw(st.integers(-(10**6), 10**6)), kind=kind, ref=draw(IDS), store=draw(IDS),
            wallet="paypal", merchant_ref=draw(TEXTS), occurred_at=draw(st.sampled_from(TIMES)),
            currency=draw(st.sampled_from(samples.CURRENCIES)),
            original_ref=draw(st.one_of(st.just(""), IDS)) if kind == "refund" else "",
        ))  # fmt: skip
    return found


@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(path: Path, lines: list[Line]) -> None:
    sheet = samples.sheet("paypal_stl", lines, wallet="paypal")
    numbers = paypal_stl.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("paypal_stl", path, OPTIONS)
    assert [one for one in statement.problems if one.code != "unknown_type"] == []
    by_line = sorted(zip(numbers, sheet.lines, strict=True))
    assert [one._replace(no=0) for one in read] == [line for _number, line in by_line]
    assert [one.no for one in read] == sorted(numbers)


@given(cut=st.integers(1, 400), lines=some_lines())
@samples.PROPERTY
def test_no_cut_file_reads(path: Path, cut: int, lines: list[Line]) -> None:
    paypal_stl.write(path, samples.sheet("paypal_stl", lines, wallet="paypal"), OPTIONS)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    assert samples.errors("paypal_stl", path, OPTIONS)
