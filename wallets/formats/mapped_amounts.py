"""Amounts of a described layout: unit, marks, signs; strict, and exact. Pure."""

from __future__ import annotations

import re
from typing import Any

from wallets.formats import columns
from wallets.formats.columns import BadValue

NUMBER = "\0"
"""In front of what a number cell of a workbook says, to tell it from a text."""
_GROUPED = "[0-9]{1,3}(?:%s[0-9]{3})+(?:%s[0-9]+)?"


class Amounts(dict[str, tuple[int, str]]):
    """Texts of one currency to (minor units, their digits), as a description writes them."""

    def __init__(self, currency: str, amounts: dict[str, Any]) -> None:
        super().__init__()
        self.currency = currency
        self.unit, self.mark, self.short = amounts["unit"], amounts["mark"], amounts["short"]
        self.trailing = amounts["minus"] == "trailing"
        self.thousands = amounts["thousands"]
        self._grouped = re.compile(
            _GROUPED % (re.escape(self.thousands), re.escape(self.mark)), re.ASCII
        ).fullmatch
        columns.minor_of("0", currency, short=True)

    def __missing__(self, text: str) -> tuple[int, str]:
        minor = self._minor(text)
        if len(self) >= columns.MOST_REMEMBERED:
            self.clear()
        found = self[text] = (minor, str(minor))
        return found

    def _minor(self, text: str) -> int:
        if text[:1] == NUMBER:
            plain = text[1:]
            sign, body = ("-", plain[1:]) if plain[:1] == "-" else ("", plain)
            if self.unit == "major":
                return columns.minor_of(plain, self.currency, short=True)
            return self._whole(sign, body.removesuffix(".0"), plain)
        sign, body = "", text
        if self.trailing:
            if text[-1:] in ("-", "+"):
                sign, body = text[-1], text[:-1].rstrip(" ")
        elif text[:1] in ("-", "+"):
            sign, body = text[0], text[1:].lstrip(" ")
        if body[:1] in ("-", "+"):
            raise BadValue("bad_amount", f"{text[:40]!r} has a sign where none should stand.")
        if self.unit != "major":
            return self._whole(sign, body, text)
        if self.thousands and self.thousands in body:
            if self._grouped(body) is None:
                raise BadValue(
                    "bad_amount",
                    f"{text[:40]!r} is no amount: {self.thousands!r} must part thousands.",
                )
            body = body.replace(self.thousands, "")
        if body[:1] == "0":
            # Fixed positions are filled with zeros.
            body = body.lstrip("0")
            body = body if body[:1].isdigit() else f"0{body}"
        return columns.minor_of(sign + body, self.currency, mark=self.mark, short=self.short)

    def _whole(self, sign: str, body: str, text: str) -> int:
        """Return minor units of digits without a mark."""
        if not (body.isascii() and body.isdigit() and len(body) <= 40):
            raise BadValue("bad_amount", f"{text[:40]!r} is no amount: use digits without a mark.")
        decimals = 2 if self.unit == "hundredths" else columns.exponent(self.currency)
        digits = body.lstrip("0").rjust(decimals + 1, "0")
        plain = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
        return columns.minor_of(sign + plain, self.currency, short=True)


class Money(dict[str, Amounts]):
    def __init__(self, amounts: dict[str, Any]) -> None:
        super().__init__()
        self.amounts = amounts

    def __missing__(self, currency: str) -> Amounts:
        found = self[currency] = Amounts(currency, self.amounts)
        return found


def turned(amount: tuple[int, str], sign: int) -> tuple[int, str]:
    """Return an unsigned amount with its sign; one that has a sign already is refused."""
    if amount[0] < 0:
        raise BadValue("bad_amount", f"{amount[1]} has a sign; here the row says it otherwise.")
    if sign > 0 or not amount[0]:
        return amount
    return -amount[0], f"-{amount[1]}"


def negated(amount: tuple[int, str]) -> tuple[int, str]:
    return -amount[0], str(-amount[0])
