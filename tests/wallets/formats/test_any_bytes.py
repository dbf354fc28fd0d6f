"""Any bytes at all: every reader takes them whole or refuses them, and no row is lost unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import damage, oracle, seeds
from tests.wallets.formats import grid
from tests.wallets.formats.cases import CASES
from wallets import formats

LAYOUTS = sorted({**formats.LAYOUTS, **formats.BANK_LAYOUTS})
BOOKS = {name for name, case in CASES.items() if not case.is_text}
PROVED = sorted(
    {name for name, case in CASES.items() if case.declares and case.shows_a_lost_row}
    | set(formats.BANK_LAYOUTS)
)
"""The layouts in which no row can be lost, repeated or changed in silence."""

EFFORT = [pytest.param(1, id="some"), pytest.param(40, id="many", marks=pytest.mark.full)]


def _tried(examples: int, effort: int) -> settings:
    """How many examples, and those of the short run are the same every time."""
    return settings(
        max_examples=examples * effort, deadline=None, derandomize=effort == 1, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def _judge(layout: str, folder: Path, data: bytes) -> oracle.Judged:
    name, _good, told = seeds.good(layout)
    path = folder / name
    path.write_bytes(data)
    return oracle.judge(layout, path, told)


@pytest.mark.parametrize("effort", EFFORT)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_bytes_break_a_reader(layout: str, effort: int, tmp_path: Path) -> None:
    _name, good, _told = seeds.good(layout)

    @_tried(12, effort)
    @given(st.one_of(st.binary(max_size=2_000), st.text(max_size=500).map(str.encode)), st.data())
    def check(tail: bytes, more: Any) -> None:
        head = good[: more.draw(st.sampled_from((0, 2, 40, 400)))]
        _judge(layout, tmp_path, head + tail)

    check()


@pytest.mark.parametrize("effort", EFFORT)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_damage_breaks_a_reader(layout: str, effort: int, tmp_path: Path) -> None:
    _name, good, _told = seeds.good(layout)

    @_tried(25, effort)
    @given(damage.edits, st.booleans())
    def check(edits: list[damage.Edit], inside: bool) -> None:
        change = damage.damaged_inside if inside and layout in BOOKS else damage.damaged
        _judge(layout, tmp_path, change(good, edits))

    check()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_name_of_a_file_holds_a_nul(layout: str) -> None:
    name, good, told = seeds.good(layout)
    whole = formats.get(layout).identify(name, good, told)
    for at in range(min(len(good), 600)):
        spoilt = good[:at] + b"\0" + good[at + 1 :]
        assert "\0" not in formats.get(layout).identify(name, spoilt, told)
    assert "\0" not in whole


def _row_edits(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the data with each of its lines gone, and with each of them twice."""
    lines = data.splitlines(keepends=True)
    for at, line in enumerate(lines):
        yield f"line {at + 1} gone", b"".join((*lines[:at], *lines[at + 1 :]))
        yield f"line {at + 1} twice", b"".join((*lines[: at + 1], line, *lines[at + 1 :]))


_ROW = re.compile(rb"<row .*?</row>", re.DOTALL)


def _book_rows(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a workbook with each of its rows blank."""
    for at in range(len(_ROW.findall(grid._members(data)))):
        seen = iter(range(10_000))
        yield (
            f"row {at + 1} gone",
            grid._inside(
                data,
                lambda text, at=at, seen=seen: _ROW.sub(
                    lambda row: b"" if next(seen) == at else row[0], text
                ),
            ),
        )


@pytest.mark.parametrize("layout", PROVED)
def test_a_lost_or_repeated_row_never_passes(layout: str, tmp_path: Path) -> None:
    _name, good, _told = seeds.good(layout)
    whole = _judge(layout, tmp_path, good)
    assert whole.sums
    cases = unseen = 0
    for what, data in (_book_rows if layout in BOOKS else _row_edits)(good):
        judged = _judge(layout, tmp_path, data)
        cases += 1
        if judged.was_read:
            assert sorted(judged.sums) == sorted(whole.sums), what
            _check_nothing_is_lost(judged.sums, whole.sums)
            unseen += 1
    assert cases >= 8
    assert unseen < cases


@pytest.mark.parametrize("effort", EFFORT)
@pytest.mark.parametrize("layout", sorted(set(PROVED) - BOOKS))
def test_a_changed_digit_never_changes_a_sum(layout: str, effort: int, tmp_path: Path) -> None:
    _name, good, _told = seeds.good(layout)
    whole = _judge(layout, tmp_path, good).sums
    digits = [at for at, byte in enumerate(good) if 48 <= byte <= 57]

    @_tried(25, effort)
    @given(st.sampled_from(digits), st.integers(0, 9))
    def check(at: int, digit: int) -> None:
        judged = _judge(layout, tmp_path, good[:at] + b"%d" % digit + good[at + 1 :])
        if judged.was_read:
            _check_nothing_is_lost(judged.sums, whole)

    check()


def _check_nothing_is_lost(sums: oracle.Sums, whole: oracle.Sums) -> None:
    """Check that the money is the same and no line fewer, whatever account it now stands under.

    Lines may be more: a fee that finds its payment no more is a line of its own, and where the
    first entry of a ledger is lost, what it moved is brought forward as one.
    """
    for (lines, *money), (before, *expected) in zip(
        sorted(sums.values(), key=lambda one: one[1:]),
        sorted(whole.values(), key=lambda one: one[1:]),
        strict=True,
    ):
        assert money == expected
        assert lines >= before
