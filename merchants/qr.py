"""Sticker codes and the symbols that carry them. Pure; no Django.

A code is written in 31 characters that no two people read differently, and its last one is
a check character (ISO 7064, pure system, modulus 31, radix 2). As 31 is prime, every single
wrong character and every swap of two neighbours is recognised. The text in a symbol is
``<base address>/q/<code>``; error correction is M and the mask is fixed, so that a reprint
has the same modules as the first print.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

import qrcode
from qrcode.constants import ERROR_CORRECT_M
from stdnum.iso7064 import mod_37_2

ALPHABET = "23456789ABCDEFGHJKMNOPQRSTVWXYZ"
"""No 0 (read as O), no 1, I, L, U."""
DEMO = "DEMO"
BODY_LENGTH = 8  # of a code on a real sticker, without its check character
DEMO_LENGTH = 7  # of what follows DEMO, without the check character
MASK = 2
QUIET_ZONE = 4

Matrix = tuple[tuple[bool, ...], ...]


def _(text: str) -> str:
    """Mark a text for translation; it is translated where it is shown."""
    return text


class Mistyped(ValueError):
    """A code that no sticker can carry; the message names what is wrong with it."""

    def __init__(self, template: str, **params: str) -> None:
        super().__init__(template % params)
        self.template = template
        self.params = params


class NotOurs(ValueError):
    """A scanned text that is no sticker of ours."""


# --- codes


def check_character(body: str) -> str:
    """Return the check character that belongs behind the other characters of a code."""
    return mod_37_2.calc_check_digit(body, ALPHABET)


def with_check(body: str) -> str:
    return body + check_character(body)


def is_whole(code: str) -> bool:
    """Tell whether a code in canonical form carries the right check character."""
    return len(code) > 1 and mod_37_2.is_valid(code, ALPHABET)


def code_of(number: int, *, demo: bool = False) -> str:
    """Return the code of a number, different for every number below 31 to the power of 7.

    Neighbouring numbers get codes that look nothing alike, so that a code cannot be guessed
    from the one beside it by a slip of the finger.
    """
    length = DEMO_LENGTH if demo else BODY_LENGTH
    space = len(ALPHABET) ** length
    if not 0 <= number < space:
        raise ValueError(f"{number} has no code: 0 to {space - 1} do.")
    mixed = (number * 15_485_863 + 982_451_653) % space
    body = ""
    for _place in range(length):
        mixed, digit = divmod(mixed, len(ALPHABET))
        body = ALPHABET[digit] + body
    return with_check((DEMO if demo else "") + body)


def normalise(typed: str) -> str:
    """Return a typed code in canonical form: capitals, no spaces, no dashes, O for 0."""
    text = unicodedata.normalize("NFKC", typed).upper()
    text = "".join(
        mark for mark in text if not mark.isspace() and unicodedata.category(mark)[0] != "P"
    )
    return text.replace("0", "O")


def read(typed: str) -> str:
    """Return the code that was typed or scanned, or raise Mistyped."""
    code = normalise(typed)
    strange = sorted({mark for mark in code if mark not in ALPHABET})
    if strange:
        raise Mistyped(
            _("No code has %(marks)s in it: codes are made of 2 to 9 and letters without I, L, U."),
            marks=", ".join(strange)[:40],
        )
    if not is_whole(code):
        raise Mistyped(_("A character of this code is wrong, missing or swapped with another."))
    return code


def is_demo(code: str) -> bool:
    return code.startswith(DEMO)


def grouped(code: str) -> str:
    """Return a code in groups for reading aloud: ``ABC DEF GHJ``, ``DEMO ABCD EFGH``."""
    size = 4 if len(code) % 4 == 0 else 3
    return " ".join(code[at : at + size] for at in range(0, len(code), size))


# --- payloads


def payload(base_url: str, code: str) -> str:
    """Return the exact text of the symbol."""
    return f"{base_url.rstrip('/')}/q/{code}"


def parse(text: str, *, base_urls: tuple[str, ...]) -> str:
    """Return the code in a scanned text; raise NotOurs or Mistyped.

    Old addresses stay in ``base_urls`` for as long as stickers that carry them hang.
    """
    parts = urlsplit(text.strip())
    for base_url in base_urls:
        ours = urlsplit(base_url.rstrip("/"))
        same_host = (parts.scheme.lower(), parts.netloc.lower()) == (
            ours.scheme.lower(),
            ours.netloc.lower(),
        )
        found = re.fullmatch(rf"{re.escape(ours.path)}/q/([^/]+)/?", parts.path)
        if same_host and found:
            return read(found[1])
    raise NotOurs("This is not a code of the alliance.")


# --- symbols


def _symbol(text: str, version: int | None, mask: int, optimize: int) -> qrcode.QRCode:
    symbol = qrcode.QRCode(version=version, error_correction=ERROR_CORRECT_M, mask_pattern=mask)
    symbol.add_data(text, optimize=optimize)
    symbol.make(fit=version is None)
    return symbol


def matrix(text: str, *, version: int | None = None, mask: int = MASK) -> Matrix:
    """Return the modules of a symbol, rows of dark (True) and light, without quiet zone.

    ``version`` None takes the smallest that fits. The library divides by zero on some texts
    with long rows of zeros (glog(0)); those are written in one plain segment, and when that
    fails too, one version larger.
    """
    error: ValueError | None = None
    for optimize in (20, 0):
        try:
            return _rows(_symbol(text, version, mask, optimize))
        except ValueError as caught:
            error = caught
    if version is None:
        for larger in range(2, 41):
            try:
                return _rows(_symbol(text, larger, mask, 0))
            except (ValueError, qrcode.exceptions.DataOverflowError):
                continue
    raise ValueError(f"No symbol of version {version} carries this text.") from error


def _rows(symbol: qrcode.QRCode) -> Matrix:
    return tuple(tuple(bool(module) for module in row) for row in symbol.modules)


def version_of(modules: Matrix) -> int:
    return (len(modules) - 17) // 4


def runs(modules: Matrix) -> list[tuple[int, int, int]]:
    """Return the dark modules as (row, column, length) of horizontal runs, top to bottom."""
    found = []
    for y, row in enumerate(modules):
        x = 0
        while x < len(row):
            if not row[x]:
                x += 1
                continue
            start = x
            while x < len(row) and row[x]:
                x += 1
            found.append((y, start, x - start))
    return found
