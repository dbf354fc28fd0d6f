"""A draft from a sample: whatever is uploaded, there is a draft or a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from wallets.formats import guess


@pytest.mark.parametrize(
    "sample",
    [b'a;b;c\n"' + b"x" * 200_000 + b'";1;2\n', b"a;b;c\n1;\r2;3\n"],
    ids=["an endless cell", "a line end inside a cell"],
)
def test_cells_that_no_quoting_explains_still_give_a_draft(tmp_path: Path, sample: bytes) -> None:
    path = tmp_path / "settle_20261014.csv"
    path.write_bytes(sample)
    made, _notes = guess.guess(path, path.name)
    assert made["file"]["kind"] == "delimited"
    assert made["file"]["delimiter"] == ";"
