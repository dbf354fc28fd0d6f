"""Every layout against the grid of bad input: read whole or refused with a reason, nothing else."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import pytest

from tests.wallets.formats import grid
from tests.wallets.formats.cases import CASES
from wallets import formats
from wallets.formats.statement import Line, Unreadable

CODES = {
    "total_differs", "count_differs", "truncated", "not_this_layout", "bad_encoding", "bad_amount",
    "bad_date", "bad_columns", "unknown_type", "bad_value", "empty", "too_large",
    "duplicate_heading", "currency_unknown",
}  # fmt: skip
MOST_GROWTH = 64 * 1024
"""Kilobytes that one bad file may cost."""

_AMOUNT = re.compile(r"-?[0-9]{1,16}", re.ASCII)


def _judge(layout: str, path: Path) -> tuple[str, str]:
    """Return what came of a file, read or refused, and the code; check what must always hold."""
    told = {**CASES[layout].told(), "name": path.name}
    module = formats.get(layout)
    identity = module.identify(path.name, path.read_bytes()[:65_536], told)
    assert isinstance(identity, str)
    try:
        statement = module.read(path, told)
        lines = list(statement.lines)
    except Unreadable as refusal:
        problem = refusal.problem
        assert problem.code in CODES, problem
        assert problem.text
        assert problem.line_no >= 0
        return grid.REFUSED, problem.code
    errors = [problem for problem in statement.problems if problem.is_error]
    for problem in statement.problems:
        assert problem.code in CODES, problem
        assert problem.text.endswith((".", "?", "!")), problem
    if errors:
        return grid.REFUSED, errors[0].code
    assert statement.records == len(lines) + statement.others
    assert statement.period_from <= statement.period_to
    for line in lines:
        _check(line, len(statement.batches))
    return grid.READ, ""


def _check(line: Line, batches: int) -> None:
    assert line.kind in {"sale", "refund", "not_a_payment"}
    assert 0 <= line.batch < batches
    for amount in (line.gross, line.settled_gross, line.fee, line.net):
        assert _AMOUNT.fullmatch(amount), line
    assert int(line.settled_gross) - int(line.fee) == int(line.net)
    assert line.ref.isprintable()
    assert 1 <= len(line.ref) <= 64


@pytest.mark.parametrize("layout", sorted(CASES))
def test_every_bad_file_is_read_whole_or_refused_with_a_reason(layout: str, tmp_path: Path) -> None:
    wrong = []
    cases = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for case in grid.spoilt(layout, tmp_path):
        path = tmp_path / case.name
        path.write_bytes(case.data)
        came, code = _judge(layout, path)
        path.unlink()
        cases += 1
        if case.then not in (grid.EITHER, came):
            wrong.append((case.what, came, code))
    assert wrong == []
    assert cases >= 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWTH


@pytest.mark.parametrize("layout", sorted(CASES))
def test_the_file_that_is_spoilt_was_good(layout: str, tmp_path: Path) -> None:
    path, _data = grid.sample(layout, tmp_path)
    assert _judge(layout, path) == (grid.READ, "")
