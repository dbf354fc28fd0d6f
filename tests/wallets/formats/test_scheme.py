"""The scheme layout: its page is current, its example reads, whatever is wrong is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import scheme
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = {"wallet": "bluecode", "timezone": "Europe/Vienna"}
GOOD = scheme.example()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bluecode_1.txt"


def put(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_the_page_is_what_the_declaration_says() -> None:
    page = (ROOT / "docs" / "scheme-layout.md").read_text(encoding="utf-8")
    made = subprocess.run(
        [sys.executable, "-m", "wallets.formats.scheme"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert page == made.stdout == scheme.describe()


def test_the_example_of_the_page_reads(path: Path) -> None:
    statement, lines = samples.read_all("scheme", put(path, GOOD), OPTIONS)
    assert [(one.no, one.wallet, one.kind, one.gross) for one in lines] == [
        (2, "bluecode", "sale", "1250"),
        (3, "bluecode", "refund", "-450"),
        (4, "momo", "sale", "4990"),
    ]
    assert lines[1].original_ref == "BC-1001"
    assert [(b.ref, b.wallet, b.currency, b.declared_net_minor) for b in statement.batches] == [
        ("bluecode-41-EUR", "bluecode", "EUR", 794),
        ("momo-41-ISK", "momo", "ISK", 4968),
    ]
    assert (statement.identity, statement.records, statement.others) == (
        "bluecode 2026-10-14..2026-10-14 41", 7, 4,
    )  # fmt: skip


def test_a_conversion_keeps_both_sides_and_its_rate(path: Path) -> None:
    one = samples.line(
        119_900, 54, wallet="momo", currency="NOK", settled_currency="EUR", settled_gross="10203",
        net="10149", rate="0.0851", occurred_at="2026-10-14T12:30:00+02:00",
    )  # fmt: skip
    sheet = samples.sheet("scheme", [one], wallet="bluecode")
    scheme.write(path, sheet, OPTIONS)
    statement, lines = samples.read_all("scheme", path, OPTIONS)
    assert [line._replace(no=0) for line in lines] == sheet.lines
    assert [(b.currency, b.declared_gross_minor) for b in statement.batches] == [("EUR", 10_203)]


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (1, "H|1|", "H|2|", ("not_this_layout", 1)),
        (1, "H|1|", "X|1|", ("not_this_layout", 1)),
        (1, "|41|", "|four|", ("bad_value", 1)),
        (1, "|2026-10-15", "", ("bad_columns", 1)),
        (1, "2026-10-15", "15.10.2026", ("bad_date", 1)),
        (1, "2026-10-14|2026-10-14", "2026-10-14|2026-10-13", ("bad_date", 1)),
        (2, "|S|", "|X|", ("unknown_type", 2)),
        (2, "|12.50|EUR", "|12,50|EUR", ("bad_amount", 2)),
        (2, "|12.50|EUR", "|12.5|EUR", ("bad_amount", 2)),
        (2, "|12.50|EUR", "|1e1|EUR", ("bad_amount", 2)),
        (2, "|12.50|EUR", "|12.51|EUR", ("bad_amount", 2)),
        (2, "|0.06|", "|0.07|", ("bad_amount", 2)),
        (2, "EUR|12.50|EUR", "ZZZ|12.50|EUR", ("currency_unknown", 2)),
        (2, "BC-1001", "", ("bad_value", 2)),
        (2, "BC-1001", "BC 1001", ("bad_value", 2)),
        (2, "BC-1001", "x" * 65, ("bad_value", 2)),
        (2, "12:30:00+02:00", "12:30:00", ("bad_date", 2)),
        (2, "12:30:00+02:00", "24:30:00+02:00", ("bad_date", 2)),
        (2, "table 7", "table 7|8", ("bad_columns", 2)),
        (3, "|R|", "|S|", ("bad_amount", 3)),
        (4, "|4990|ISK", "|4990.00|ISK", ("bad_amount", 4)),
        (5, "|2|8.00", "|3|8.00", ("count_differs", 5)),
        (5, "|8.00|", "|8.01|", ("total_differs", 5)),
        (5, "|0.06|", "|0.05|", ("total_differs", 5)),
        (5, "|7.94", "|7.93", ("total_differs", 5)),
        (5, "2026-10-16", "2026-02-30", ("bad_date", 5)),
        (6, "momo", "pagaqui", ("count_differs", 6)),
        (7, "E|7", "E|8", ("count_differs", 7)),
        (7, "E|7", "T|x|momo|ISK||1|4990|22|4968", ("bad_value", 7)),
        (7, "E|7", "D|7", ("unknown_type", 7)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert old in GOOD[number - 1]
    lines = [*GOOD[: number - 1], GOOD[number - 1].replace(old, new), *GOOD[number:]]
    assert samples.errors("scheme", put(path, lines), OPTIONS)[0] == expected


def test_records_lost_between_are_noticed(path: Path) -> None:
    for number in range(2, 8):
        lines = [*GOOD[: number - 1], *GOOD[number:]]
        assert samples.errors("scheme", put(path, lines), OPTIONS), f"line {number} may be lost"


def test_nothing_follows_the_end(path: Path) -> None:
    assert samples.errors("scheme", put(path, [*GOOD, GOOD[1]]), OPTIONS) == [("unknown_type", 8)]


def test_many_errors_end_the_reading(path: Path) -> None:
    bad = [GOOD[1].replace("|S|", "|X|")] * 500
    found = samples.errors("scheme", put(path, [GOOD[0], *bad, *GOOD[4:]]), OPTIONS)
    assert found[-1] == ("unknown_type", 202)
    assert len(found) == 201


def test_a_byte_that_is_no_utf8_is_refused_with_its_line(path: Path) -> None:
    put(path, GOOD)
    path.write_bytes(path.read_bytes().replace(b"table 7", b"tab\xe9 7"))
    assert samples.errors("scheme", path, OPTIONS) == [("bad_encoding", 2)]


def test_a_nul_and_an_endless_line_are_refused(path: Path) -> None:
    put(path, [GOOD[0], GOOD[1].replace("table", "ta\0ble"), *GOOD[2:]])
    assert samples.errors("scheme", path, OPTIONS) == [("bad_encoding", 2)]
    put(path, [GOOD[0], "D" * 70_000])
    assert samples.errors("scheme", path, OPTIONS) == [("bad_value", 2)]


def test_a_text_with_the_delimiter_is_not_written(path: Path) -> None:
    for reference in ("a|b", "a\nb", "a\x85b"):
        sheet = samples.sheet("scheme", [samples.line(merchant_ref=reference)], wallet="bluecode")
        with pytest.raises(CannotWrite):
            scheme.write(path, sheet, OPTIONS)


IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="|;"),
              min_size=1, max_size=40)  # fmt: skip
TEXTS = st.text(st.sampled_from("abcøéß·-. 7ÅÑ"), max_size=30).map(str.strip)


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
            wallet=draw(st.sampled_from(["bluecode", "momo"])), merchant_ref=draw(TEXTS),
            currency=draw(st.sampled_from(samples.CURRENCIES)),
            occurred_at=draw(st.sampled_from(["", "2026-10-14T00:00:00+01:00",
                                              "2026-02-28T23:59:59+00:00"])),
            original_ref=draw(st.one_of(st.just(""), IDS)),
        ))  # fmt: skip
    return found


@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(path: Path, lines: list[Line]) -> None:
    sheet = samples.sheet("scheme", lines, wallet="bluecode")
    numbers = scheme.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("scheme", path, OPTIONS)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers


@given(cut=st.integers(1, 400), lines=some_lines())
@samples.PROPERTY
def test_no_cut_file_reads(path: Path, cut: int, lines: list[Line]) -> None:
    scheme.write(path, samples.sheet("scheme", lines, wallet="bluecode"), OPTIONS)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    assert samples.errors("scheme", path, OPTIONS)
