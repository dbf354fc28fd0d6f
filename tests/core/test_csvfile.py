"""CSV cells that no spreadsheet takes for a formula, and that read back as they were."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core import csvfile


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"])
def test_a_text_that_looks_like_a_formula_is_held_down(start):
    assert csvfile.text_cell(f"{start}1").strip('"').startswith("'")


def test_a_negative_number_stays_a_number():
    assert csvfile.row([-5, None, "a,b", 'say "x"']) == '-5,,"a,b","say ""x"""\n'


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1)
)
def test_a_row_reads_back(cells):
    read = next(csv.reader(io.StringIO(csvfile.row([*cells, "end"]), newline="")))
    expected = ["'" + c if c and c[0] in csvfile.FORMULA_STARTS else c for c in cells]
    assert read == [*expected, "end"]
