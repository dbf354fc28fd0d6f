"""Vipps' sectioned CSV: the faults of its own sample are mended aloud, never in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import vipps_csv
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

OPTIONS = {"wallet": "vipps", "timezone": "Europe/Oslo"}

# Shaped and faulty like the published sample, with its sums; shop and orders are invented.
PUBLISHED = """\
OrganizationNumber,MerchantName
999999999,Kjøkken og te
Name,VisitingAddress,Postbox,Zipno,Place,Country,CompanyNumber
Vipps,Brygga 1,,0150,Oslo,Norway,999999998
SettlementInfo,SalesUnitName,SaleUnitNumber,SettlementDate,SettlementID,SettlementAccount,Gross,Currency,Fee,Refund,Net,NumberOfTransactions
SettlementInfo,Te,513428,12.04.2021,2000001,05030000001,16511.71,NOK,-61.09,-1490.00,16450,62,7
FeeInfo,SettlementDate,SaleUnitName,SaleUnitNumber,FeeAccount,Fee,Currency
TransactionInfo,SalesDate,SaleUnitName,SaleUnitNumber,TransactionId,SettlementId,OrderID,SettlementDate,Gross,Currency,Fee,Refund,Net
TransactionInfo,08.04.2021,Te,595976,2178000001,2000720,A1,10.04.2021,2258.00,NOK,-8.35,0.00,2249.65
TransactionInfo,08.04.2021,Te,595976,2178000002,2000720,A2,10.04.2021,5054.00,NOK,-18.70,0.00,5035.30
TransactionInfo,08.04.2021,Te,595976,2178000003,2000720,A3,10.04.2021,7964.71,NOK,-29.47,0.00,7935.24
TransactionInfo,08.04.2021,Te,595976,2178000004,2000720,A4,10.04.2021,399.00,NOK,-1.48,0.00,397.52
TransactionInfo,08.04.2021,Te,595976,2178000005,2000720,A5,10.04.2021,8.00,NOK,-0.03,0.00,7.97
TransactionInfo,08.04.2021,Te,595976,2178000006,2000720,A6,10.04.2021,0.00,NOK,0.00,-1490.00,0.00
TransactionInfo,08.04.2021,Te,595976,2178000007,2000720,A7,10.04.2021,828.00,NOK,-3.06,0.00,824.94

"""  # noqa: E501
HEADINGS = PUBLISHED.splitlines()[4]
CLEAN = (
    PUBLISHED.replace("16450,62", "14960.62")
    .replace("-1490.00,0.00\n", "-1490.00,-1490.00\n")
    .replace("595976", "513428")
    .replace("2000720", "2000001")
    .replace("10.04.2021", "12.04.2021")
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vipps.csv"


def put(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def warnings(path: Path) -> list[tuple[str, int]]:
    statement, _lines = samples.read_all("vipps_csv", path, OPTIONS)
    assert not [one for one in statement.problems if one.is_error]
    return [(one.code, one.line_no) for one in statement.problems]


def test_the_published_sample_is_read_and_its_faults_are_named(path: Path) -> None:
    statement, lines = samples.read_all("vipps_csv", put(path, PUBLISHED), OPTIONS)
    (batch,) = statement.batches
    assert (batch.ref, str(batch.value_date), batch.declared_count) == (
        "513428-2000001", "2021-04-12", 7,
    )  # fmt: skip
    sales = [int(one.gross) for one in lines if one.kind == "sale"]
    refunds = [int(one.gross) for one in lines if one.kind == "refund"]
    assert (sum(sales), sum(int(one.fee) for one in lines), refunds) == (
        1_651_171,
        6_109,
        [-149_000],
    )
    assert (batch.declared_gross_minor, batch.declared_fee_minor) == (1_502_171, 6_109)
    assert batch.declared_net_minor == sum(int(one.net) for one in lines) == 1_496_062
    assert lines[5] == samples.line(
        -149_000, 0, no=14, ref="2178000006", store="595976", merchant_ref="A6", occurred_at="",
    )  # fmt: skip
    told = [(one.code, one.line_no, one.text) for one in statement.problems]
    assert [one[:2] for one in told] == [
        ("bad_columns", 6), ("total_differs", 6), ("bad_value", 9), ("bad_amount", 14),
    ]  # fmt: skip
    assert told[0][2] == (
        "13 cells under 12 headings; decimal comma repaired: Net 16450,62 is 16450.62."
    )
    assert "16450.62 NOK without its refunds of -1490.00; the payout is 14960.62" in told[1][2]
    assert "names sale unit 595976, settlement 2000720 of 10.04.2021" in told[2][2]
    assert "names 513428, 2000001 of 12.04.2021" in told[2][2]
    assert not any(one.is_error for one in statement.problems)
    assert (str(statement.period_from), str(statement.period_to)) == ("2021-04-08", "2021-04-08")
    assert (statement.records, statement.others) == (16, 9)


def test_a_file_without_faults_is_read_without_a_word(path: Path) -> None:
    statement, lines = samples.read_all("vipps_csv", put(path, CLEAN), OPTIONS)
    assert (statement.problems, len(lines)) == ([], 7)
    assert (lines[0].store, lines[0].batch) == ("513428", 0)
    assert statement.batches[0].declared_net_minor == 1_496_062


@pytest.mark.parametrize(
    ("net", "expected"),
    [("14960.62", []), ("16450.62", [("total_differs", 6)])],
)
def test_both_ways_of_net_are_known_and_one_is_warned_of(
    path: Path, net: str, expected: list[tuple[str, int]]
) -> None:
    assert warnings(put(path, CLEAN.replace("14960.62", net))) == expected


@pytest.mark.parametrize("net", ["14960.63", "16450.61", "16511.71", "0.00", "-14960.62"])
def test_any_other_net_is_refused(path: Path, net: str) -> None:
    assert samples.errors("vipps_csv", put(path, CLEAN.replace("14960.62", net)), OPTIONS)[0] == (
        "total_differs", 6,
    )  # fmt: skip


def test_several_decimal_commas_in_one_row_are_mended(path: Path) -> None:
    text = CLEAN.replace("2258.00,NOK,-8.35,0.00,2249.65", "2258,00,NOK,-8,35,0,00,2249,65")
    statement, lines = samples.read_all("vipps_csv", put(path, text), OPTIONS)
    assert [one.code for one in statement.problems] == ["bad_columns"]
    assert "17 cells under 13 headings" in statement.problems[0].text
    assert (lines[0].gross, lines[0].fee, lines[0].net) == ("225800", "835", "224965")


def test_a_decimal_comma_in_quotes_is_mended_too(path: Path) -> None:
    text = CLEAN.replace("2249.65", '"2249,65"')
    assert warnings(put(path, text)) == [("bad_columns", 9)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-8.35,0.00,2249.65", "-8.35,0.00,2249,66"),
        ("-8.35,0.00,2249.65", "-8.35,0.00,2249.65,00"),
        ("-8.35,0.00,2249.65", "-8.35,0.00,2.249,65"),
        ("A1,", "A,1,"),
        ("-8.35,0.00,2249.65", "-8.35,0.00"),
        ("-8.35,0.00,2249.65", "-8,3,5,0.00,2249.65"),
    ],
)
def test_a_row_that_no_comma_explains_is_not_guessed_at(path: Path, old: str, new: str) -> None:
    found = samples.errors("vipps_csv", put(path, CLEAN.replace(old, new, 1)), OPTIONS)
    assert found == [("bad_columns", 9)]


def test_many_mended_rows_are_told_of_without_flooding(path: Path) -> None:
    head, rows = (
        CLEAN.splitlines()[:8],
        [
            f"TransactionInfo,08.04.2021,Te,513428,{n},2000001,A,12.04.2021,10,00,NOK,0.00,0.00,10.00"
            for n in range(50)
        ],
    )
    head[5] = "SettlementInfo,Te,513428,12.04.2021,2000001,1,500.00,NOK,0.00,0.00,500.00,50"
    found = warnings(put(path, "\n".join([*head, *rows, ""])))
    assert found == [("bad_columns", 9 + n) for n in range(20)] + [("bad_columns", 0)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("16511.71", "16511.70", ("total_differs", 6)),
        ("-61.09", "-61.10", ("total_differs", 6)),
        ("14960.62,7", "14960.62,8", ("count_differs", 6)),
        ("14960.62,7", "14960.62,seven", ("bad_value", 6)),
        ("12.04.2021,2000001,05", "31.04.2021,2000001,05", ("bad_date", 6)),
        ("2258.00,NOK,-8.35,0.00,2249.65", "2258.00,NOK,8.35,0.00,2266.35", ("total_differs", 6)),
        ("2258.00,NOK,-8.35,0.00,2249.65", "-2258.00,NOK,-8.35,0.00,-2266.35", ("bad_amount", 9)),
        ("2258.00,NOK,-8.35,0.00,2249.65", "2258.00,NOK,-8.35,-1.00,2248.65", ("bad_amount", 9)),
        ("2249.65", "2249.64", ("bad_amount", 9)),
        ("2249.65", "2249.650", ("bad_amount", 9)),
        ("2178000001", "21 78", ("bad_value", 9)),
        ("08.04.2021", "8.4.2021", ("bad_date", 9)),
        ("A1,12.04.2021", "A1,12.04.21", ("bad_date", 9)),
        ("2258.00,NOK", "2258.00,SEK", ("bad_value", 9)),
        ("2258.00,NOK", "2258.00,XXX", ("currency_unknown", 9)),
        ("FeeInfo,Set", "PayoutInfo,Set", ("unknown_type", 7)),
        ("OrderID,", "Order,", ("bad_columns", 8)),
        ("Refund,Net,Number", "Net,Net,Number", ("duplicate_heading", 5)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in CLEAN
    assert (
        samples.errors("vipps_csv", put(path, CLEAN.replace(old, new, 1)), OPTIONS)[0] == expected
    )


def test_captures_and_refunds_that_lie_about_each_other_are_refused(path: Path) -> None:
    text = CLEAN.replace("16511.71,NOK,-61.09,-1490.00", "16501.71,NOK,-61.09,-1480.00")
    assert samples.errors("vipps_csv", put(path, text), OPTIONS) == [("total_differs", 6)]


def test_a_row_of_an_unknown_settlement_is_refused_where_there_are_several(path: Path) -> None:
    other = "SettlementInfo,Te,513428,13.04.2021,2000002,1,1.00,NOK,0.00,0.00,1.00,1"
    lines = CLEAN.splitlines()
    lines.insert(6, other)
    lines[-1] = lines[-1] or (
        "TransactionInfo,09.04.2021,Te,513428,9,2000002,B,13.04.2021,1.00,NOK,0.00,0.00,1.00"
    )
    assert (
        samples.read_all("vipps_csv", put(path, "\n".join([*lines, ""])), OPTIONS)[0].problems == []
    )
    lines[-1] = lines[-1].replace("2000002", "2000003")
    assert samples.errors("vipps_csv", put(path, "\n".join([*lines, ""])), OPTIONS) == [
        ("bad_value", 17)
    ]


def test_the_same_number_of_two_units_are_two_settlements(path: Path) -> None:
    other = CLEAN.rstrip("\n").replace("513428", "16655").replace("21780", "31780")
    statement, lines = samples.read_all(
        "vipps_csv", put(path, CLEAN + other.partition("\n")[2].partition("\n")[2] + "\n"), OPTIONS
    )
    assert statement.problems == []
    assert [one.ref for one in statement.batches] == ["513428-2000001", "16655-2000001"]
    assert [one.batch for one in lines] == [0] * 7 + [1] * 7


def test_a_settlement_that_comes_twice_is_refused(path: Path) -> None:
    # The sample of 2018 repeats all its sections.
    found = samples.errors("vipps_csv", put(path, CLEAN + CLEAN), OPTIONS)
    assert found[0] == ("bad_value", 22)


def test_fees_charged_elsewhere_are_counted_and_in_no_sum(path: Path) -> None:
    fee = "FeeInfo,12.04.2021,Te,513428,05030000002,-12.00,NOK\nTransactionInfo,Sal"
    text = CLEAN.replace("TransactionInfo,Sal", fee, 1)
    statement, lines = samples.read_all("vipps_csv", put(path, text), OPTIONS)
    assert (statement.problems, len(lines), statement.others) == ([], 7, 10)
    bad = text.replace("-12.00", "twelve")
    assert samples.errors("vipps_csv", put(path, bad), OPTIONS) == [("bad_amount", 8)]


def test_columns_are_found_by_their_headings(path: Path) -> None:
    lines = [line.split(",") for line in CLEAN.splitlines()]
    for cells in lines:
        if cells[0] in ("SettlementInfo", "TransactionInfo"):
            cells[1:] = [*reversed(cells[1:]), "new" if "Net" not in cells else "Later"]
    text = "\n".join(",".join(cells) for cells in lines) + "\n"
    statement, read = samples.read_all("vipps_csv", put(path, text), OPTIONS)
    assert statement.problems == []
    assert read == samples.read_all("vipps_csv", put(path, CLEAN), OPTIONS)[1]


def test_headings_without_rows_are_empty_and_sums_without_rows_are_cut(path: Path) -> None:
    lines = CLEAN.splitlines()
    put(path, "\n".join([*lines[:5], lines[6], lines[7], ""]))
    assert samples.errors("vipps_csv", path, OPTIONS) == [("empty", 7)]
    put(path, "\n".join([*lines[:8], ""]))
    assert samples.errors("vipps_csv", path, OPTIONS) == [("truncated", 8)]


def test_a_file_names_itself_by_its_settlements(path: Path) -> None:
    head = CLEAN.encode()
    assert vipps_csv.identify("a.csv", head, {}) == "513428-2000001"
    two = CLEAN.replace("FeeInfo", "SettlementInfo,Te,513428,x,2000009,,,,,,,\nFeeInfo", 1)
    assert vipps_csv.identify("a.csv", two.encode(), {}) == "513428-2000001..513428-2000009"
    assert vipps_csv.identify("a.csv", two.encode()[:480], {}) == "513428-2000001"
    assert vipps_csv.identify("a.csv", b"x,y\n", {}) == "a"


def test_what_the_file_cannot_say_is_not_written(path: Path) -> None:
    for one in (
        samples.line(settled_currency="EUR"),
        samples.line(kind="not_a_payment"),
        samples.line(merchant_ref="a\nb"),
    ):
        with pytest.raises(CannotWrite):
            vipps_csv.write(path, samples.sheet("vipps_csv", [one], wallet="vipps"), OPTIONS)
    with pytest.raises(CannotWrite):
        vipps_csv.write(path, samples.sheet("vipps_csv", [], wallet="vipps"), OPTIONS)


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for number in range(draw(st.integers(1, 8))):
        minor = draw(st.integers(1, 10**11))
        found.append(samples.line(
            -minor if draw(st.booleans()) else minor, draw(st.integers(-(10**6), 10**6)),
            ref=f"{draw(st.integers(1, 10**15))}-{number}",
            store=draw(st.sampled_from(["16655", "513428"])),
            currency=draw(st.sampled_from(samples.CURRENCIES)), occurred_at="",
            merchant_ref=draw(st.text(st.sampled_from('abø",;|= 7'), max_size=12)).strip(),
        ))  # fmt: skip
    return sorted(found, key=lambda one: (one.store, one.currency))


@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(path: Path, lines: list[Line]) -> None:
    sheet = samples.sheet("vipps_csv", lines, wallet="vipps")
    numbers = vipps_csv.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("vipps_csv", path, OPTIONS)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers


@given(lines=some_lines(), data=st.data())
@samples.PROPERTY
def test_any_amounts_with_commas_are_mended_or_refused(
    path: Path, lines: list[Line], data: st.DataObject
) -> None:
    lines = [one._replace(merchant_ref="A") for one in lines]
    sheet = samples.sheet("vipps_csv", lines, wallet="vipps")
    numbers = vipps_csv.write(path, sheet, OPTIONS)
    texts = path.read_text(encoding="utf-8").split("\n")
    at = data.draw(st.sampled_from(numbers)) - 1
    cells = texts[at].split(",")
    for position in (8, 10, 11, 12):
        if data.draw(st.booleans()):
            cells[position] = cells[position].replace(".", ",")
    texts[at] = ",".join(cells)
    path.write_text("\n".join(texts), encoding="utf-8")
    statement = vipps_csv.read(path, OPTIONS)
    read = list(statement.lines)
    if any(one.is_error for one in statement.problems):
        assert [one.code for one in statement.problems if one.is_error] == ["bad_columns"]
    else:
        assert [one._replace(no=0) for one in read] == sheet.lines
