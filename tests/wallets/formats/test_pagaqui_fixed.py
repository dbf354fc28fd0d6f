"""Pagaqui's fixed width: every position counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from tests.wallets.formats.test_scheme import some_lines
from wallets.formats import pagaqui_fixed
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

OPTIONS = {"wallet": "pagaqui", "timezone": "Europe/Lisbon"}
LINES = [
    samples.line(1250, 6, wallet="pagaqui", ref="PQ1", currency="EUR", merchant_ref="mesa é 7",
                 occurred_at="2026-10-14T12:30:00+01:00"),
    samples.line(-450, 0, wallet="pagaqui", ref="PQ2", currency="EUR", original_ref="PQ1",
                 occurred_at="2026-10-14T12:41:09+01:00"),
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "pagaqui_1.txt"
    pagaqui_fixed.write(path, samples.sheet("pagaqui_fixed", LINES, wallet="pagaqui"), OPTIONS)
    return path


def change(path: Path, number: int, old: str, new: str) -> Path:
    lines = path.read_text("latin-1").split("\n")
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    path.write_bytes("\n".join(lines).encode("latin-1"))
    return path


def test_every_record_has_the_declared_width(path: Path) -> None:
    records = path.read_bytes().split(b"\n")
    assert [record[:1] for record in records] == [b"0", b"1", b"1", b"8", b"9", b""]
    assert {len(record) for record in records[:-1]} == {pagaqui_fixed.WIDTH}
    assert b"+00000000001250+00000000000006+00000000001244" in records[1]
    assert b"-00000000000450" in records[2]


def test_lines_and_batch_are_read(path: Path) -> None:
    statement, lines = samples.read_all("pagaqui_fixed", path, OPTIONS)
    assert [one._replace(no=0) for one in lines] == LINES
    (batch,) = statement.batches
    assert (batch.ref, batch.declared_count, batch.declared_gross_minor) == (
        "PQ00000007EUR", 2, 800,
    )  # fmt: skip
    assert (batch.declared_fee_minor, batch.declared_net_minor) == (6, 794)


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (1, "0PAGAQUI", "0PAGAKUI", ("not_this_layout", 1)),
        (1, "01000000", "02000000", ("not_this_layout", 1)),
        (1, "20261014", "20261314", ("bad_date", 1)),
        (2, "+00000000001250", "+0000000000125.", ("bad_amount", 2)),
        (2, "+00000000001250", " 00000000001250", ("bad_amount", 2)),
        (2, "+00000000001250", "+90000000000000", ("bad_amount", 2)),
        (2, "+00000000000006", "+00000000000007", ("bad_amount", 2)),
        (2, "1VPQ1", "1XPQ1", ("unknown_type", 2)),
        (2, "1VPQ1", "7VPQ1", ("unknown_type", 2)),
        (2, "EUR", "EUX", ("currency_unknown", 2)),
        (2, "20261014123000", "20261014256000", ("bad_date", 2)),
        (2, "1VPQ1 ", "1VPQ1", ("bad_columns", 2)),
        (3, "1DPQ2", "1VPQ2", ("bad_amount", 3)),
        (4, "000000002+", "000000003+", ("count_differs", 4)),
        (4, "+00000000000800", "+00000000000801", ("total_differs", 4)),
        (4, "EUR2026", "SEK2026", ("count_differs", 4)),
        (5, "9000000005", "9000000006", ("count_differs", 5)),
        (5, "9000000005 ", "9000000005x", ("bad_columns", 5)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    path: Path, number: int, old: str, new: str, expected: tuple[str, int]
) -> None:
    assert samples.errors("pagaqui_fixed", change(path, number, old, new), OPTIONS)[0] == expected


def test_what_does_not_fit_is_not_written(path: Path) -> None:
    for one in (
        samples.line(ref="x" * 65), samples.line(merchant_ref="x" * 141),
        samples.line(settled_currency="SEK"), samples.line(merchant_ref="a\nb"),
    ):  # fmt: skip
        with pytest.raises(CannotWrite):
            pagaqui_fixed.write(
                path, samples.sheet("pagaqui_fixed", [one], wallet="pagaqui"), OPTIONS
            )


@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(path: Path, lines: list[Line]) -> None:
    local = {"2026-10-14T00:00:00+01:00", "2026-02-28T23:59:59+00:00", ""}
    lines = [one._replace(wallet="pagaqui") for one in lines if one.occurred_at in local]
    sheet = samples.sheet("pagaqui_fixed", lines, wallet="pagaqui")
    numbers = pagaqui_fixed.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("pagaqui_fixed", path, OPTIONS)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers


@given(cut=st.integers(1, 2000))
@samples.PROPERTY
def test_no_cut_file_reads(path: Path, cut: int) -> None:
    pagaqui_fixed.write(path, samples.sheet("pagaqui_fixed", LINES, wallet="pagaqui"), OPTIONS)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    assert samples.errors("pagaqui_fixed", path, OPTIONS)
