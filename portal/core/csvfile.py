"""CSV that is safe to open in a spreadsheet. Pure; no Django.

UTF-8, comma, LF. A text cell that a spreadsheet would take for a formula gets an
apostrophe in front; numbers stay as they are, so that a minus survives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

FORMULA_STARTS = "=+-@\t\r\n\0＝＋－＠"
_needs_care = re.compile(r'[",\r\n\0]|^[=+\-@\t＝＋－＠]').search


def text_cell(text: str) -> str:
    """Return a text as one CSV cell: formula-safe, quoted where it must be."""
    if not _needs_care(text):
        return text
    if text[0] in FORMULA_STARTS:
        text = "'" + text
    text = text.replace("\0", "\N{SYMBOL FOR NULL}")
    if any(mark in text for mark in '",\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def row(cells: Iterable[str | int | None]) -> str:
    """Return one CSV line with its LF; integers stay numbers, None is an empty cell."""
    return (
        ",".join(
            "" if cell is None else str(cell) if isinstance(cell, int) else text_cell(cell)
            for cell in cells
        )
        + "\n"
    )
