"""Company numbers, VAT numbers and IBANs whose check digits are right and whose owners are
invented.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from types import ModuleType

from schwifty import IBAN
from stdnum.dk import cvr
from stdnum.es import cif
from stdnum.fi import ytunnus
from stdnum.is_ import kennitala
from stdnum.no import orgnr as no_orgnr
from stdnum.pt import nif
from stdnum.se import orgnr as se_orgnr
from stdnum.si import ddv, maticna

from merchants import identifiers

# A prime, so that running numbers look strewn and still never meet twice.
STRIDE = 7_368_787


# How many numbers there are where the form leaves room for fewer than ten million.
_NUMBERS = {"DK": 9_000_000, "AT": 9_899_999, "DE": 9_999_000}


class NoSuchNumber(LookupError):
    """No check digit fits; ask with the next running number."""


def _with_check_digit(body: str, rules: ModuleType) -> str:
    for digit in "0123456789":
        if rules.is_valid(body + digit):
            return body + digit
    raise NoSuchNumber(body)


def company_number(country: str, number: int) -> str:
    """Return the number of the n-th invented limited company of a country, n from 0.

    Different n give different numbers, up to 40,000 companies a country. Every n has 16
    candidates, because some bodies have no check digit and some numbers are too long.
    """
    for attempt in range(16):
        try:
            found = _company_number(country, (number + 1) * 16 + attempt)
            return identifiers.check_company_number(country, "limited", found)
        except NoSuchNumber:
            continue
    raise NoSuchNumber(f"{country} {number}")


def _company_number(country: str, n: int) -> str:
    strewn = (n * STRIDE) % 10_000_000
    if strewn >= _NUMBERS.get(country, 10_000_000):
        raise NoSuchNumber(f"{country} {n}")
    if country == "NO":
        return _with_check_digit(f"9{strewn:07d}", no_orgnr)
    if country == "FI":
        body = _with_check_digit(f"{strewn:07d}", ytunnus)
        return f"{body[:7]}-{body[7]}"
    if country == "SE":
        body = _with_check_digit(f"55{strewn:07d}", se_orgnr)
        return f"{body[:6]}-{body[6:]}"
    if country == "DK":
        return _with_check_digit(f"{1 + strewn % 9}{strewn // 9:06d}", cvr)
    if country == "ES":
        return _with_check_digit(f"B{strewn:07d}", cif)
    if country == "PT":
        return _with_check_digit(f"5{strewn:07d}", nif)
    if country == "IS":
        day = date(2000, 1, 1) + timedelta(days=(n // 80) % 9_000)
        body = f"{day.day + 40:02d}{day:%m%y}{20 + n % 80}"
        for digit in "0123456789":
            if kennitala.is_valid(f"{body}{digit}0"):
                return f"{body[:6]}-{body[6:]}{digit}0"
        raise NoSuchNumber(body)
    if country == "SI":
        return _with_check_digit(f"{strewn % 1_000_000:06d}", maticna)
    if country == "AT":
        return f"FN {100_000 + strewn}{'abdfghikmpstvwxyz'[n % 17]}"
    if country == "DE":
        courts = ("Berlin (Charlottenburg)", "Hamburg", "München", "Köln", "Leipzig")
        return f"{courts[n % len(courts)]} HRB {1_000 + strewn}"
    raise NoSuchNumber(country)


def vat_number(country: str, company: str, rng: Random) -> str:
    """Return the VAT number that goes with a company number, or an invented one."""
    digits = "".join(c for c in company if c.isalnum())
    if country == "NO":
        return f"NO{digits}MVA"
    if country == "SE":
        return f"SE{digits}01"
    if country in {"FI", "DK", "ES", "PT"}:
        return f"{country}{digits}"
    if country == "SI":
        return f"SI{_drawn(rng, ddv, 7, first='1')}"
    return ""


def _drawn(rng: Random, rules: ModuleType, length: int, *, first: str) -> str:
    while True:
        body = first + "".join(rng.choice("0123456789") for _ in range(length - 1))
        try:
            return _with_check_digit(body, rules)
        except NoSuchNumber:
            continue


def iban(country: str, rng: Random) -> str:
    """Return an IBAN whose check digits, national ones included, are right."""
    return str(IBAN.random(country, random=rng))
