"""Spanish statements: fixed positions, balances that prove, two oddities that only warn."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from tests.wallets.formats.bank_files import (
    ACCOUNT,
    n43_account,
    n43_end,
    n43_last,
    n43_movement,
    n43_text,
)
from wallets.formats import n43
from wallets.formats.bank_statement import BankStatement, Entry
from wallets.formats.statement import Unreadable

MINORS = [-10_000, -7_000, -833, 28_029]
GOOD = [
    n43_account(),
    n43_movement(MINORS[0], document="77", first="REF1", second="REF2"),
    n43_text(1, "TRANSFERENCIA A", "PROVEEDOR"),
    n43_text(2, "FACTURA 12"),
    n43_movement(MINORS[1]),
    n43_text(1, "RECIBO"),
    n43_movement(MINORS[2]),
    n43_movement(MINORS[3], second="0" * 16),
    n43_text(1, "LIQUIDACIÓN"),
    n43_text(2, "MOMO POCKET"),
    n43_end(MINORS),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "extracto.n43"


def put(path: Path, lines: list[str], *, encoding: str = "latin-1", end: str = "\r\n") -> Path:
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def read(path: Path) -> tuple[BankStatement, list[Entry]]:
    statement = n43.read(path, {})
    return statement, list(statement.entries)


def told(path: Path) -> list[tuple[str, int, bool]]:
    statement: BankStatement | None = None
    found = []
    try:
        statement = n43.read(path, {})
        list(statement.entries)
    except Unreadable as refused:
        found = [refused.problem]
    noted = statement.problems if statement else []
    return [(one.code, one.line_no, one.is_error) for one in [*noted, *found]]


def test_every_record_is_as_wide_as_published() -> None:
    assert {len(record) for record in [*GOOD, n43_last(1)]} == {80}


def test_a_statement_is_read_with_its_texts(path: Path) -> None:
    statement, entries = read(put(path, [*GOOD, n43_last(11)]))
    assert statement.problems == []
    assert [one.minor for one in entries] == MINORS
    first = entries[0]
    assert (first.no, first.position, first.page) == (2, 1, 0)
    assert (first.booked_on, first.value_date) == (date(2026, 10, 14), date(2026, 10, 15))
    assert (first.bank_reference, first.structured_reference) == ("0000000077", "REF1 REF2")
    assert first.remittance == "TRANSFERENCIA A PROVEEDOR FACTURA 12"
    assert first.code == "02-123"
    assert (entries[3].remittance, entries[3].structured_reference) == (
        "LIQUIDACIÓN MOMO POCKET", "",
    )  # fmt: skip
    assert entries[3].bank_reference == ""
    (page,) = statement.pages
    assert (page.account, page.owner) == ("ES7712341234161234567890", "ALIANZA ESPAÑA")
    assert (page.opening_minor, page.closing_minor, page.currency) == (0, 10_196, "EUR")
    assert statement.identity == "ES7712341234161234567890 261014..261014"
    assert statement.records == 12


def test_the_published_oddities_are_warnings(path: Path) -> None:
    lines = [*GOOD[:-1], n43_end(MINORS, sign="0"), n43_last(10)]
    statement, entries = read(put(path, lines))
    (page,) = statement.pages
    assert (page.sums.debits.count, page.sums.debits.minor) == (3, 17_833)
    assert (page.sums.credits.count, page.sums.credits.minor) == (1, 28_029)
    assert page.closing_minor == 10_196
    assert [(one.code, one.line_no, one.is_error) for one in statement.problems] == [
        ("bad_value", 11, False),
        ("count_differs", 12, False),
    ]
    assert len(entries) == 4


def test_an_unsigned_closing_below_zero_is_found_by_its_movements(path: Path) -> None:
    lines = [n43_account(), n43_movement(-500), n43_end([-500], sign="0"), n43_last(3)]
    statement, _entries = read(put(path, lines))
    assert statement.pages[0].closing_minor == -500
    assert not statement.has_errors
    lines[2] = n43_end([-500], sign="0", closing=499)
    assert told(put(path, lines)) == [("bad_value", 3, False), ("total_differs", 1, True)]


def test_movements_of_zero_and_an_account_without_any_are_read(path: Path) -> None:
    other = "999912341234567890"
    lines = [
        n43_account(-5), n43_movement(0), n43_end([0], -5),
        n43_account(7, account=other), n43_end([], 7, account=other), n43_last(5),
    ]  # fmt: skip
    statement, entries = read(put(path, lines))
    assert statement.problems == []
    assert [(one.minor, one.page) for one in entries] == [(0, 0)]
    assert [page.closing_minor for page in statement.pages] == [-5, 7]


def test_an_original_amount_keeps_its_currency_and_direction(path: Path) -> None:
    original = f"2401840{12_345:014d}".ljust(80)
    lines = [n43_account(), n43_movement(-11_000), original, n43_end([-11_000]), n43_last(4)]
    statement, (entry,) = read(put(path, lines))
    assert statement.problems == []
    assert entry.details[0].instructed_minor == -12_345
    assert entry.details[0].instructed_currency == "USD"


def test_yen_have_two_zeros_for_decimals(path: Path) -> None:
    lines = [
        n43_account(currency="392"), n43_movement(10_000), n43_end([10_000], currency="392"),
        n43_last(3),
    ]  # fmt: skip
    statement, (entry,) = read(put(path, lines))
    assert (entry.minor, entry.currency, statement.problems) == (100, "JPY", [])
    lines[1] = n43_movement(10_001)
    assert told(put(path, lines))[0] == ("bad_amount", 2, True)


@pytest.mark.parametrize(
    ("encoding", "end", "tail"),
    [
        ("latin-1", "\n", b""), ("latin-1", "\r\n", b"\x1a"), ("latin-1", "\n", b"\x1a\n"),
        ("utf-8-sig", "\n", b""), ("latin-1", "\r\n", b"\r\n\r\n"),
    ],
)  # fmt: skip
def test_files_read_the_same_however_they_end(
    path: Path, encoding: str, end: str, tail: bytes
) -> None:
    lines = [*GOOD, n43_last(11)]
    _statement, plain = read(put(path, lines))
    put(path, lines, encoding=encoding, end=end)
    path.write_bytes(path.read_bytes() + tail)
    statement, entries = read(path)
    assert (entries, statement.problems) == (plain, [])
    assert statement.pages[0].owner == "ALIANZA ESPAÑA"
    path.write_bytes(path.read_bytes().rstrip(b"\r\n\x1a") + b"\x1a")
    assert read(path)[1] == plain


def test_blanks_that_were_cut_are_told_once(path: Path) -> None:
    lines = [line.rstrip() for line in [*GOOD, n43_last(11)]]
    statement, entries = read(put(path, lines))
    assert [one.minor for one in entries] == MINORS
    assert [(one.code, one.is_error) for one in statement.problems] == [("bad_columns", False)]


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (1, "11", "12", ("not_this_layout", 1)),
        (1, "261014", "261314", ("bad_date", 1)),
        (1, "9783", "0003", ("currency_unknown", 1)),
        (2, "1" + f"{10_000:014d}", "3" + f"{10_000:014d}", ("bad_value", 2)),
        (2, f"{10_000:014d}", "0000000010,000", ("bad_amount", 2)),
        (2, f"{10_000:014d}", "0000000001000²", ("bad_amount", 2)),
        (2, "261015", "26101A", ("bad_date", 2)),
        (2, "22", "25", ("unknown_type", 2)),
        (2, "REF2", "REF2 and far more than that", ("bad_columns", 2)),
        (3, "2301", "99", ("unknown_type", 3)),
        (11, ACCOUNT, ACCOUNT[:-1] + "1", ("bad_value", 11)),
        (11, "00003", "00004", ("count_differs", 11)),
        (11, f"{17_833:014d}", f"{17_834:014d}", ("total_differs", 11)),
        (11, f"{28_029:014d}", f"{28_030:014d}", ("total_differs", 11)),
        (11, f"2{10_196:014d}", f"2{10_197:014d}", ("total_differs", 1)),
        (11, f"2{10_196:014d}", f"1{10_196:014d}", ("total_differs", 1)),
        (11, "978", "840", ("bad_value", 11)),
        (12, "000011", "00001x", ("bad_value", 12)),
        (12, "88", "22", ("unknown_type", 12)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    lines = [*GOOD, n43_last(11)]
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    found = [(code, line) for code, line, is_error in told(put(path, lines)) if is_error]
    assert found[0] == expected


def test_a_cut_file_is_never_read(path: Path) -> None:
    whole = put(path, [*GOOD, n43_last(11)]).read_bytes()
    # What stands behind the number of records is blank.
    for cut in range(1, len(whole) - 56):
        path.write_bytes(whole[:cut])
        assert any(is_error for _code, _line, is_error in told(path)), f"readable at {cut}"


def test_other_encodings_and_empty_files_are_refused(path: Path) -> None:
    lines = [*GOOD, n43_last(11)]
    assert told(put(path, lines, encoding="utf-16")) == [("bad_encoding", 1, True)]
    path.write_bytes(b"")
    assert told(path) == [("empty", 0, True)]
    lines[2] = lines[2].replace("A", "\0", 1)
    assert told(put(path, lines)) == [("bad_encoding", 3, True)]


def test_many_movements_are_streamed(path: Path) -> None:
    minors = [100] * 5_000
    put(path, [n43_account(), *map(n43_movement, minors), n43_end(minors), n43_last(5_002)])
    statement = n43.read(path, {})
    stream = iter(statement.entries)
    assert next(stream).no == 2
    assert statement.records < 10
    assert sum(one.minor for one in stream) == 499_900
    assert statement.problems == []


TEXTS = st.text(st.sampled_from("ABCÑÇ áé.,-/0123"), max_size=38).map(str.strip)


@given(
    accounts=st.lists(
        st.tuples(
            st.integers(-(10**11), 10**11),
            st.lists(st.tuples(st.integers(-(10**11), 10**11), TEXTS, TEXTS), max_size=6),
        ),
        min_size=1, max_size=3,
    )
)  # fmt: skip
@samples.PROPERTY
def test_any_statement_is_read_as_it_was_made(
    path: Path, accounts: list[tuple[int, list[tuple[int, str, str]]]]
) -> None:
    lines, wanted = [], []
    for number, (opening, movements) in enumerate(accounts):
        account = f"{number:04d}{ACCOUNT[4:]}"
        lines.append(n43_account(opening, account=account))
        for minor, first, second in movements:
            lines += [n43_movement(minor), n43_text(1, first, second)]
            wanted.append((number, minor, " ".join(filter(None, (first, second)))))
        lines.append(n43_end([one[0] for one in movements], opening, account=account))
    statement, entries = read(put(path, [*lines, n43_last(len(lines))]))
    assert statement.problems == []
    assert [(one.page, one.minor, one.remittance) for one in entries] == wanted
    assert [page.opening_minor for page in statement.pages] == [one[0] for one in accounts]
    assert statement.records == len(lines) + 1


def test_an_account_that_is_no_text_names_no_file() -> None:
    record = n43_account().encode("latin-1")
    assert n43.identify("extracto.n43", record[:9] + b"\0" + record[10:], {}) == "extracto"
    assert (
        n43.identify("extracto.n43", record, {}) == f"{n43._account(n43_account())} 261014..261014"
    )
