"""What a bank's entry says about the payout it is: references in free text, check digits. Pure.

Sources, public: the text of Vipps' payouts in its settlement guide and Report API, the
references of MobilePay's Transaction Reporting API, the name ePassi pays under in its terms, and
the reference numbers of Finance Finland (weights 7, 3, 1) and ISO 11649 (RF, modulo 97).
Nothing here guesses: what does not match exactly gives no key.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from wallets.formats.bank_statement import Entry

EPASSI = "Epassi Clearing Oy"

_VIPPS = re.compile(
    r"(?<!\w)(?:Utb\.|Vipps utbet\.)\s*([0-9]{7})\s+Vippsnr\s+([0-9]{4,6})(?![0-9])", re.ASCII
)
_MOBILEPAY = re.compile(r"(?<![0-9])(000[0-9]{17})(?![0-9])", re.ASCII)
_VIITE = re.compile(r"[0-9]{4,20}", re.ASCII)
_RF = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}", re.ASCII)


class PayoutKey(NamedTuple):
    """Whose payout an entry is and what the partner calls it; ``ref`` may be empty."""

    network: str
    ref: str


def vipps(text: str) -> tuple[str, str] | None:
    """Return settlement number and sale unit (MSN) of Vipps' payout text, or None.

    A settlement number is unique only together with its sale unit.
    """
    found = _VIPPS.search(text)
    return (found[1], found[2]) if found else None


def mobilepay(text: str) -> str:
    """Return the transfer reference in a text, or nothing; it is unique for one year only."""
    found = _MOBILEPAY.search(text)
    return found[1] if found else ""


def is_epassi(name: str) -> bool:
    """Tell whether a counterparty is the company through which ePassi pays out."""
    return " ".join(name.split()).casefold() == EPASSI.casefold()


def keys_of(entry: Entry) -> list[PayoutKey]:
    """Return every key that a credit carries, details included; a debit carries none."""
    if entry.minor <= 0:
        return []
    texts = [(detail.remittance, detail.counterparty) for detail in entry.details]
    found: dict[PayoutKey, None] = {}
    for text, name in [*texts, (entry.remittance, entry.text)]:
        if payout := vipps(text):
            # The batch of Vipps' report is called so too.
            found[PayoutKey("vipps", f"{payout[1]}-{payout[0]}")] = None
        if reference := mobilepay(text):
            found[PayoutKey("mobilepay", reference)] = None
        if is_epassi(name):
            found[PayoutKey("epassi", "")] = None
    return list(found)


def viitenumero(base: str) -> str:
    """Return a Finnish reference number: 3 to 19 digits and their check digit."""
    if re.fullmatch(r"[0-9]{3,19}", base, re.ASCII) is None:
        raise ValueError(f"{base[:40]!r} is no base of a reference: use 3 to 19 digits.")
    weighted = sum(int(digit) * (7, 3, 1)[place % 3] for place, digit in enumerate(base[::-1]))
    return base + str(-weighted % 10)


def is_viitenumero(text: str) -> bool:
    """Tell whether a text is a Finnish reference number; blanks and leading zeros are let be."""
    digits = text.replace(" ", "").lstrip("0")
    return _VIITE.fullmatch(digits) is not None and viitenumero(digits[:-1]) == digits


def rf_of(reference: str) -> str:
    """Return the RF creditor reference of 1 to 21 letters and digits."""
    if re.fullmatch(r"[0-9A-Z]{1,21}", reference, re.ASCII) is None:
        raise ValueError(f"{reference[:40]!r} is no reference: use 1 to 21 letters or digits.")
    return f"RF{98 - _modulo_97(f'{reference}RF00'):02d}{reference}"


def is_rf(text: str) -> bool:
    """Tell whether a text is an RF creditor reference; blanks between its parts are let be."""
    reference = text.replace(" ", "").upper()
    return _RF.fullmatch(reference) is not None and (
        _modulo_97(reference[4:] + reference[:4]) == 1 and 2 <= int(reference[2:4]) <= 98
    )


def viite_of(text: str) -> str:
    """Return the Finnish reference number in a text of either form, or nothing."""
    reference = text.replace(" ", "").upper()
    if is_rf(reference):
        reference = reference[4:]
    return reference.lstrip("0") if is_viitenumero(reference) else ""


def _modulo_97(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text)) % 97
