"""Money as integers in minor units. Pure; no Django.

An amount is an ``int`` of minor units beside its ISO 4217 currency code. Text becomes
an amount only through :func:`to_minor`, which takes plain ASCII digits with exactly the
decimals the currency has: a thousand separator, a third decimal, ``1e3``, ``NaN`` or
full-width digits are errors, never numbers. Exponents: ISO 4217 list of active codes.
"""

from __future__ import annotations

import re
from functools import lru_cache

EXPONENTS = {
    "AUD": 2, "CAD": 2, "CHF": 2, "CNY": 2, "CZK": 2, "DKK": 2, "EUR": 2, "GBP": 2,
    "HKD": 2, "HUF": 2, "IDR": 2, "ISK": 0, "JPY": 0, "KRW": 0, "MYR": 2, "NOK": 2,
    "NZD": 2, "PLN": 2, "SEK": 2, "SGD": 2, "THB": 2, "TWD": 2, "USD": 2,
}  # fmt: skip

LARGEST_MINOR = 10**13


class NotAnAmount(ValueError):
    """A text that is no amount of that currency; the message says why."""


class UnknownCurrency(ValueError):
    """A currency code that the portal has no exponent for."""


def exponent(currency: str) -> int:
    """Return the number of decimals of a currency, or raise UnknownCurrency."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency!r} is not a currency this portal knows.") from None


@lru_cache(maxsize=64)
def _pattern(decimals: int, mark: str, short: bool) -> re.Pattern[str]:
    if not decimals:
        fraction = f"(?:{re.escape(mark)}(0+))?" if short else "()"
    elif short:
        fraction = f"(?:{re.escape(mark)}([0-9]{{1,{decimals}}}))?"
    else:
        fraction = f"{re.escape(mark)}([0-9]{{{decimals}}})"
    return re.compile(f"([+-]?)([0-9]{{1,12}}){fraction}", re.ASCII)


def to_minor(text: str, currency: str, *, mark: str = ".", short: bool = False) -> int:
    """Turn a text such as ``-12.50`` into minor units.

    ``mark`` is the decimal mark. ``short`` also takes fewer decimals than the currency
    has (``190,0`` or ``12``), as some partners write them. Raises NotAnAmount.
    """
    decimals = exponent(currency)
    found = _pattern(decimals, mark, short).fullmatch(text)
    if found is None:
        wanted = f"digits, {mark!r} and {decimals} decimals" if decimals else "digits only"
        raise NotAnAmount(f"{text[:40]!r} is not an amount in {currency}: use {wanted}.")
    sign, whole, fraction = found.groups()
    minor = int(whole + (fraction or "").ljust(decimals, "0")[:decimals])
    return -minor if sign == "-" else minor


def from_minor(minor: int, currency: str, *, mark: str = ".") -> str:
    """Return the plain text of an amount, ``-1250`` in EUR as ``-12.50``."""
    decimals = exponent(currency)
    digits = str(abs(minor)).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}{mark}{digits[-decimals:]}" if decimals else digits
    return f"-{text}" if minor < 0 else text


def share(minor: int, bps: int) -> int:
    """Return basis points of an amount in minor units, halves away from zero."""
    scaled = abs(minor) * bps
    rounded = (scaled + 5_000) // 10_000
    return -rounded if minor < 0 else rounded


def convert(minor: int, source: str, target: str, rate: str) -> int:
    """Convert minor units at a decimal rate text (target per one source), half away from zero."""
    whole, _dot, fraction = rate.partition(".")
    numerator = int(whole + fraction) * 10 ** exponent(target)
    denominator = 10 ** (len(fraction) + exponent(source))
    scaled = abs(minor) * numerator
    rounded = (2 * scaled + denominator) // (2 * denominator)
    return -rounded if minor < 0 else rounded
