"""Whatever is done to a file of Alipay's family: it is read whole or refused, never half."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import (
    samples,
    test_alipay_settlement,
    test_alipay_transactions,
    test_alipayplus_settlement,
    test_antom_settlement,
    test_antom_transactions,
)
from wallets import formats
from wallets.formats.statement import Line, Statement, Unreadable

WHOLE: dict[str, tuple[str, str, list[str], dict[str, Any]]] = {
    "mainland": ("alipay_settlement", test_alipay_settlement.NAME, test_alipay_settlement.GOOD,
                 test_alipay_settlement.OPTIONS),
    "hong_kong": ("alipay_settlement", test_alipay_settlement.HK_NAME,
                  test_alipay_settlement.HONG_KONG, {"store": "100001"}),
    "transactions": ("alipay_transactions", test_alipay_transactions.NAME,
                     test_alipay_transactions.GOOD, test_alipay_transactions.OPTIONS),
    "items": ("antom_settlement", test_antom_settlement.ITEMS_NAME, test_antom_settlement.ITEMS,
              test_antom_settlement.OPTIONS),
    "summary": ("antom_settlement", test_antom_settlement.SUMMARY_NAME,
                test_antom_settlement.SUMMARY, test_antom_settlement.OPTIONS),
    "day": ("antom_transactions", test_antom_transactions.NAME, test_antom_transactions.GOOD,
            test_antom_transactions.OPTIONS),
    "clearing": ("alipayplus_settlement", test_alipayplus_settlement.NAME,
                 test_alipayplus_settlement.GOOD, test_alipayplus_settlement.OPTIONS),
    "hub": ("alipayplus_settlement", test_alipayplus_settlement.SETTLEMENT_NAME,
            test_alipayplus_settlement.SETTLEMENT, test_alipayplus_settlement.OPTIONS),
}  # fmt: skip
PIECES = st.sampled_from([
    b"", b"\n", b"|", b",", b'"', b"-", b"0", b"00", b".", b"\0", b"\xff", b" ", b"<END>",
    b"\xc2\x85", b"99999999999999", b"e", b"/", b"A", b"\r", b"\n\n", b"\xef\xbb\xbf",
])  # fmt: skip


def outcome(
    layout: str, path: Path, options: dict[str, Any]
) -> tuple[Statement, list[Line]] | None:
    """Return a statement that was read to its end without an error, or None."""
    try:
        statement = formats.get(layout).read(path, options)
        lines = list(statement.lines)
    except Unreadable:
        return None
    return None if any(one.is_error for one in statement.problems) else (statement, lines)


@pytest.mark.parametrize("which", sorted(WHOLE))
@given(places=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 40), PIECES),
                       min_size=1, max_size=3))  # fmt: skip
@samples.PROPERTY
def test_a_damaged_file_is_read_whole_or_refused(
    tmp_path: Path, which: str, places: list[tuple[int, int, bytes]]
) -> None:
    layout, name, rows, options = WHOLE[which]
    content = "".join(f"{row}\n" for row in rows).encode()
    for place, removed, piece in places:
        at = place % len(content)
        content = content[:at] + piece + content[at + removed :] or b"\n"
    path = tmp_path / name
    path.write_bytes(content)
    formats.get(layout).identify(name, content, options)
    if (read := outcome(layout, path, options)) is None:
        return
    statement, lines = read
    assert statement.records == len(lines) + statement.others
    assert statement.records >= content.count(b"\n")
    for line in lines:
        assert int(line.settled_gross) - int(line.fee) == int(line.net)


@pytest.mark.parametrize("which", sorted(WHOLE))
def test_undamaged_they_are_read(tmp_path: Path, which: str) -> None:
    layout, name, rows, options = WHOLE[which]
    path = tmp_path / name
    path.write_text("".join(f"{row}\n" for row in rows))
    assert outcome(layout, path, options) is not None
