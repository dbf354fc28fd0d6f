"""The shared pieces: strict texts, times of a zone, amounts remembered within bounds."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from wallets.formats import columns
from wallets.formats.columns import Amounts, BadValue
from wallets.formats.statement import Unreadable

OSLO = ZoneInfo("Europe/Oslo")


@pytest.mark.parametrize(
    "text",
    ["", " 1.00", "1.00 ", "+ 1.00", "1", "1.0", "1.000", "1,00", "1_0.00", "1e2", "NaN", "٣.00",
     "1.0٣", "１.00", ".50", "1.", "--1.00", "1" * 13 + ".00", "0x1.00", "1.00\n"],
)  # fmt: skip
def test_what_is_no_amount_is_never_a_number(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        Amounts("EUR")[text]
    assert caught.value.code == "bad_amount"


@pytest.mark.parametrize(
    ("text", "currency", "found"),
    [("1.00", "EUR", (100, "100")), ("-0.05", "EUR", (-5, "-5")), ("-0.00", "EUR", (0, "0")),
     ("007.10", "EUR", (710, "710")), ("4990", "ISK", (4990, "4990")),
     ("+1.00", "EUR", (100, "100"))],
)  # fmt: skip
def test_amounts_become_minor_units_and_their_digits(
    text: str, currency: str, found: tuple[int, str]
) -> None:
    assert Amounts(currency)[text] == found


def test_amounts_forget_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MOST_REMEMBERED", 10)
    amounts = Amounts("EUR", mark=",")
    assert [amounts[f"{n},00"][0] for n in range(100)] == [n * 100 for n in range(100)]
    assert len(amounts) <= 10


def test_a_currency_nobody_knows_has_no_amounts() -> None:
    with pytest.raises(BadValue) as caught:
        Amounts("XXX")
    assert caught.value.code == "currency_unknown"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-10-14T12:30:00+02:00", "2026-10-14T12:30:00+02:00"),
        ("2026-10-14 12:30:00Z", "2026-10-14T12:30:00+00:00"),
        ("2026-10-14T12:30:00", "2026-10-14T12:30:00+02:00"),
        ("2026-12-14T12:30:00", "2026-12-14T12:30:00+01:00"),
        # The hour that comes twice is read as its first.
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),
        ("2026-10-14T12:30:00.097+02:00", "2026-10-14T12:30:00.097+02:00"),
    ],
)
def test_an_instant_has_the_offset_of_its_text_or_zone(text: str, found: str) -> None:
    assert columns.instant_of(text, "Time", OSLO) == found


@pytest.mark.parametrize(
    "text",
    ["2026-10-14", "14.10.2026 12:30", "2026-02-29T00:00:00Z", "2026-10-14T24:00:00Z",
     "2026-10-14T12:30Z", "1760437800", "2026-10-14T12:30:00+25:00", "２０26-10-14T12:30:00Z"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        columns.instant_of(text, "Time", OSLO)
    assert caught.value.code == "bad_date"


def test_a_time_without_offset_needs_a_zone() -> None:
    with pytest.raises(BadValue):
        columns.instant_of("2026-10-14T12:30:00", "Time", None)


@pytest.mark.parametrize(
    "text", ["2026-1-2", "2026-02-30", "20261014", "2026-10-14 ", "0000-01-01"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        columns.date_of(text, "Day")
    assert caught.value.code == "bad_date"


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_bytes("a\x85b\u2028c\r\nd\re\n".encode())
    assert list(columns.physical_lines(path, {})) == [(1, "a\x85b\u2028c"), (2, "d\re")]


def test_a_line_without_its_end_is_a_cut_file(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_bytes(b"a\nb")
    with pytest.raises(Unreadable) as caught:
        list(columns.physical_lines(path, {}))
    assert (caught.value.problem.code, caught.value.problem.line_no) == ("truncated", 2)
