"""What pages need to show money, moments and numbers in the reader's locale.

Amounts stay integers to the last: a decimal number is made from the digits only to be
handed to Babel, which places the marks and the currency.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal
from django import template
from django.utils.translation import get_language, to_locale

from portal.core import calendars
from portal.core import money as amounts

register = template.Library()

# Plain "en" would mean American dates, and the alliance is European.
REGIONS = {"en": "en_GB"}

# Where a currency has no sign of its own, its code must not run into the digits.
_LETTER_MEETS_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")


@lru_cache(maxsize=32)
def _locale(language: str) -> Locale:
    name = REGIONS.get(language, to_locale(language))
    try:
        return Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_GB")


def locale() -> Locale:
    """Return the locale of the active language."""
    return _locale(get_language() or "en")


def _is_nothing(value: object) -> bool:
    """Tell whether a template had nothing to show; an unknown variable comes as empty text."""
    return value is None or value == ""


@register.filter
def money(minor: int, currency: str) -> str:
    """Show minor units as an amount, ``-1250`` in EUR as ``-€12.50``; None as nothing.

    An amount in a currency without a known exponent is shown as what it is, minor units.
    """
    if _is_nothing(minor):
        return ""
    try:
        decimals = amounts.exponent(currency)
    except amounts.UnknownCurrency:
        return f"{minor} {currency}".strip()
    shown = format_currency(Decimal(minor).scaleb(-decimals), currency, locale=locale())
    return _LETTER_MEETS_DIGIT.sub("\u00a0", shown)


@register.filter
def in_zone(instant: datetime, zone: str) -> str:
    """Show an aware instant in a time zone, with the zone's short name behind it.

    The first and the last day of the calendar have no time in every zone; they stay as told.
    """
    if _is_nothing(instant):
        return ""
    try:
        return str(
            format_datetime(
                instant, "d MMM y, HH:mm z", tzinfo=calendars.zone(zone), locale=locale()
            )
        )
    except (OverflowError, ZoneInfoNotFoundError, ValueError):
        return instant.isoformat(" ", "minutes")


@register.filter
def clock_in(instant: datetime, zone: str) -> str:
    """Show the time of day of an aware instant in a time zone, to the second."""
    if _is_nothing(instant):
        return ""
    return str(format_datetime(instant, "HH:mm:ss", tzinfo=calendars.zone(zone), locale=locale()))


@register.filter
def day(value: date, form: str = "d MMM y") -> str:
    """Show a date; ``form`` is a CLDR pattern such as ``EEE d MMM``."""
    return "" if _is_nothing(value) else str(format_date(value, form, locale=locale()))


@register.filter
def count(number: int) -> str:
    """Show a whole number with the reader's thousands marks; None as nothing."""
    return "" if _is_nothing(number) else str(format_decimal(number, locale=locale()))


@register.filter
def percent(bps: int) -> str:
    """Show basis points as per cent, ``110`` as ``1.10 %``."""
    return f"{format_decimal(Decimal(bps).scaleb(-2), '0.00', locale=locale())}\u00a0%"


@register.filter
def initials(name: str) -> str:
    """Return the two letters that stand for a name on its disc."""
    words = name.split()
    return (words[0][0] + words[1][0] if len(words) > 1 else name[:2]) or "?"


@register.filter
def tone(number: int | None) -> int:
    """Return which of the seven disc colours a row's number gets."""
    return (number or 0) % 7 + 1


@register.filter
def country(code: str) -> str:
    """Return a country's name in the reader's language, or the code where there is none."""
    return str(locale().territories.get(code, code))


@register.filter
def named(code: str, names: dict[str, str]) -> str:
    """Return the name that a mapping has for a code, or the code itself."""
    return names.get(code, code)


@register.filter
def minor(digits: str) -> int | None:
    """Turn the minor-unit digits of a settlement line into a number; None when they are none."""
    return int(digits) if digits.lstrip("-").isdecimal() else None
