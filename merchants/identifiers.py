"""Numbers that name a business, an account, a trade and a place. Pure; no Django.

Company and VAT numbers by country and legal form on python-stdnum, IBAN on schwifty,
merchant category codes on iso18245. What is returned is compact and canonical, so that two
ways of writing one number are equal. Where a register has numbers without a check digit, or
a rule of thumb with exceptions, the number is taken: a wrongly refused retailer costs more
than a mistyped number, which the reviewer sees.

Texts are English and marked for translation; whoever shows them translates
``InvalidIdentifier.template`` and fills in ``params``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import iso18245
from schwifty import IBAN
from schwifty import exceptions as iban_errors
from stdnum import luhn
from stdnum.at import businessid, uid
from stdnum.de import handelsregisternummer
from stdnum.de import vat as de_vat
from stdnum.dk import cvr
from stdnum.es import nif as es_nif
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.fi import alv, associationid
from stdnum.is_ import kennitala, vsk
from stdnum.no import orgnr as no_orgnr
from stdnum.pt import nif as pt_nif
from stdnum.se import orgnr as se_orgnr
from stdnum.si import ddv, maticna


def _(text: str) -> str:
    """Mark a text for translation; it is translated where it is shown."""
    return text


class InvalidIdentifier(ValueError):
    """A number that cannot be right; the message says how to fix it, with an example."""

    def __init__(self, template: str, **params: str | int) -> None:
        super().__init__(template % params)
        self.template = template
        self.params = params


# --- plain text


def squeeze(text: str) -> str:
    """Return a typed number in upper case without spaces and punctuation."""
    text = unicodedata.normalize("NFKC", text).upper()
    return "".join(
        mark for mark in text if not mark.isspace() and unicodedata.category(mark)[0] in "LN"
    )


def tidy(text: str) -> str:
    """Return a text with single spaces and nothing invisible; letters stay as they are."""
    text = "".join(
        " " if mark.isspace() else mark
        for mark in unicodedata.normalize("NFC", text)
        if mark.isspace() or unicodedata.category(mark)[0] != "C" or mark in "\u200c\u200d"
    )
    return " ".join(text.split())


# --- company numbers


@dataclass(frozen=True)
class NumberKind:
    """One register's number: its name, an example, and the check that makes it compact."""

    name: str
    example: str
    check: Callable[[str], str]


def _austrian_register(text: str) -> str:
    return businessid.validate(squeeze(text).removeprefix("FN").lower())


def _austrian_trader(text: str) -> str:
    """The register number, where there is one, or the GISA or tax number of a trader."""
    plain = squeeze(text).removeprefix("GISA")
    return plain if re.fullmatch(r"[0-9]{8,9}", plain) else _austrian_register(text)


def _austrian_association(text: str) -> str:
    plain = squeeze(text).removeprefix("ZVR").removeprefix("ZAHL")
    return _digits(plain, 6, 10)


def _german_register(text: str) -> str:
    text = re.sub(r"(?i)^(amtsgericht|registergericht|ag)\s+", "", tidy(text))
    try:
        return handelsregisternummer.validate(text)
    except ValidationError:
        # Courts merge and are renamed; a register number of the right shape is enough.
        found = re.fullmatch(
            r"(?i)(?P<court>[^\d,]{2,40}?)[,\s]+(?P<kind>HRA|HRB|GNR|GSR|VR|PR)\s*(?P<no>\d{1,7})"
            r"(?:\s*(?P<mark>[A-Z]{1,2}))?", text,
        )  # fmt: skip
        if found is None:
            raise
        parts = [found["court"].strip(" ,"), found["kind"].upper(), found["no"], found["mark"]]
        return " ".join(part for part in parts if part)


def _german_trader(text: str) -> str:
    """A tax number, a business identification number, or a register number (e. K.)."""
    plain = squeeze(text)
    if re.fullmatch(r"[0-9]{10,13}|DE[0-9]{9}([0-9]{5})?", plain):
        return plain
    return _german_register(text)


def _spanish(text: str) -> str:
    plain = squeeze(text).removeprefix("ES")
    if re.fullmatch(r"[0-9]{5,7}[A-Z]", plain):  # old identity cards, written without zeros
        plain = plain.zfill(9)
    return es_nif.validate(plain)


def _portuguese(text: str) -> str:
    return pt_nif.validate(squeeze(text))


def _finnish(text: str) -> str:
    plain = squeeze(text).removeprefix("FI")
    if re.fullmatch(r"[0-9]{7}", plain):  # the oldest numbers, written without their zero
        plain = plain.zfill(8)
    plain = alv.validate(plain)
    return f"{plain[:7]}-{plain[7:]}"


def _finnish_association(text: str) -> str:
    try:
        return _finnish(text)
    except ValidationError:
        return associationid.validate(squeeze(text))


def _swedish(text: str) -> str:
    plain = squeeze(text).removeprefix("SE")
    if re.fullmatch(r"16[0-9]{10}", plain):
        plain = plain[2:]
    plain = se_orgnr.validate(plain)
    return f"{plain[:6]}-{plain[6:]}"


def _swedish_trader(text: str) -> str:
    """A sole trader's number is her personal or coordination number."""
    plain = squeeze(text)
    if re.fullmatch(r"(18|19|20)[0-9]{10}", plain):
        plain = plain[2:]
    return _swedish(plain)


def _danish(text: str) -> str:
    return cvr.validate(squeeze(text).removeprefix("CVR").removeprefix("NR"))


def _norwegian(text: str) -> str:
    return no_orgnr.validate(squeeze(text).removeprefix("NO").removesuffix("MVA"))


def _icelandic(text: str) -> str:
    return kennitala.validate(squeeze(text))


def _icelandic_trader(text: str) -> str:
    """A person's kennitala, whose last digits are no longer promised to check."""
    plain = squeeze(text)
    try:
        return kennitala.validate(plain)
    except InvalidChecksum:
        return plain
    except ValidationError:
        if re.fullmatch(r"[89][0-9]{9}", plain):  # system numbers carry no date
            return plain
        raise


def _slovenian(text: str) -> str:
    return maticna.validate(squeeze(text))


def _digits(plain: str, least: int, most: int) -> str:
    if not re.fullmatch(rf"[0-9]{{{least},{most}}}", plain):
        raise ValidationError
    return plain


_FN = NumberKind(_("company register number (Firmenbuchnummer)"), "FN 122119m", _austrian_register)
_HR = NumberKind(
    _("court, register and number (Handelsregister)"), "Aachen HRB 15992", _german_register
)
_NIF = NumberKind(_("tax number (NIF)"), "B64717838", _spanish)
_NIPC = NumberKind(_("tax number (NIPC)"), "501 964 843", _portuguese)
_Y = NumberKind(_("business ID (Y-tunnus)"), "2077474-0", _finnish)
_ORGNR_SE = NumberKind(_("organisation number (organisationsnummer)"), "556036-0793", _swedish)
_CVR = NumberKind(_("CVR number"), "13585628", _danish)
_ORGNR_NO = NumberKind(_("organisation number (organisasjonsnummer)"), "988 077 917", _norwegian)
_KT = NumberKind(_("kennitala of the company"), "450401-3150", _icelandic)
_MATICNA = NumberKind(_("registration number (matična številka)"), "9331310", _slovenian)

_FORMS: dict[str, dict[str, tuple[str, NumberKind]]] = {
    "AT": {
        "sole_trader": (
            _("Sole trader (Einzelunternehmen)"),
            NumberKind(_("trade register (GISA), tax or company register number"), "12345678",
                       _austrian_trader),
        ),
        "limited": (_("Limited company (GmbH, FlexKapG, AG)"), _FN),
        "partnership": (_("Partnership (OG, KG)"), _FN),
        "association": (
            _("Association (Verein)"),
            NumberKind(_("register of associations number (ZVR-Zahl)"), "123456789",
                       _austrian_association),
        ),
        "cooperative": (_("Cooperative (Genossenschaft)"), _FN),
    },
    "DE": {
        "sole_trader": (
            _("Sole trader or freelancer (Einzelunternehmen, e. K.)"),
            NumberKind(_("tax number (Steuernummer) or register number"), "181/815/08155",
                       _german_trader),
        ),
        "civil_partnership": (
            _("Civil partnership (GbR)"),
            NumberKind(_("tax number (Steuernummer) or register number"), "181/815/08155",
                       _german_trader),
        ),
        "limited": (_("Limited company (GmbH, UG, AG)"), _HR),
        "partnership": (_("Partnership (OHG, KG, GmbH & Co. KG, PartG)"), _HR),
        "association": (
            _("Association (e. V.)"),
            NumberKind(_("court, register and number (Vereinsregister)"), "Aachen VR 1599",
                       _german_trader),
        ),
        "cooperative": (_("Cooperative (eG)"), _HR),
    },
    "ES": {
        "sole_trader": (
            _("Sole trader (autónomo)"),
            NumberKind(_("tax number (NIF or NIE)"), "12345678Z", _spanish),
        ),
        "limited": (_("Limited company (SL, SA)"), _NIF),
        "partnership": (_("Partnership (comunidad de bienes, sociedad civil)"), _NIF),
        "association": (_("Association or foundation"), _NIF),
        "cooperative": (_("Cooperative"), _NIF),
    },
    "PT": {
        "sole_trader": (
            _("Sole trader (empresário em nome individual)"),
            NumberKind(_("tax number (NIF)"), "123 456 789", _portuguese),
        ),
        "limited": (_("Limited company (Lda, Unipessoal, SA)"), _NIPC),
        "association": (_("Association or foundation"), _NIPC),
        "cooperative": (_("Cooperative"), _NIPC),
    },
    "FI": {
        "sole_trader": (_("Sole trader (toiminimi)"), _Y),
        "limited": (_("Limited company (Oy, Oyj)"), _Y),
        "partnership": (_("Partnership (Ay, Ky)"), _Y),
        "association": (
            _("Association (ry)"),
            NumberKind(_("business ID or register of associations number"), "2077474-0",
                       _finnish_association),
        ),
        "cooperative": (_("Cooperative (osk)"), _Y),
    },
    "SE": {
        "sole_trader": (
            _("Sole trader (enskild firma)"),
            NumberKind(_("your personal number, which is the firm's number"), "880320-0016",
                       _swedish_trader),
        ),
        "limited": (_("Limited company (AB)"), _ORGNR_SE),
        "partnership": (_("Partnership (HB, KB)"), _ORGNR_SE),
        "association": (_("Association (ideell eller ekonomisk förening)"), _ORGNR_SE),
    },
    "DK": {
        "sole_trader": (_("Sole trader (enkeltmandsvirksomhed)"), _CVR),
        "limited": (_("Limited company (ApS, A/S)"), _CVR),
        "partnership": (_("Partnership (I/S, K/S)"), _CVR),
        "association": (_("Association (forening)"), _CVR),
    },
    "NO": {
        "sole_trader": (_("Sole trader (enkeltpersonforetak)"), _ORGNR_NO),
        "limited": (_("Limited company (AS, ASA)"), _ORGNR_NO),
        "partnership": (_("Partnership (ANS, DA)"), _ORGNR_NO),
        "association": (_("Association (forening, lag)"), _ORGNR_NO),
        "cooperative": (_("Cooperative (SA)"), _ORGNR_NO),
    },
    "IS": {
        "sole_trader": (
            _("Sole trader (einstaklingsrekstur)"),
            NumberKind(_("your own kennitala"), "120174-3399", _icelandic_trader),
        ),
        "limited": (_("Limited company (ehf., hf.)"), _KT),
        "partnership": (_("Partnership (sf., slf.)"), _KT),
        "association": (_("Association (félagasamtök)"), _KT),
    },
    "SI": {
        "sole_trader": (_("Sole trader (s. p.)"), _MATICNA),
        "limited": (_("Limited company (d. o. o., d. d.)"), _MATICNA),
        "partnership": (_("Partnership (d. n. o., k. d.)"), _MATICNA),
        "association": (_("Association or institute (društvo, zavod)"), _MATICNA),
    },
}  # fmt: skip


def legal_forms(country: str) -> dict[str, str]:
    """Return the legal forms of a country: code and name in plain words."""
    return {code: name for code, (name, _kind) in _FORMS.get(country, {}).items()}


def company_number_kind(country: str, legal_form: str) -> NumberKind:
    """Return the number that names businesses of a legal form; raise KeyError if unknown."""
    return _FORMS[country][legal_form][1]


def check_company_number(country: str, legal_form: str, text: str) -> str:
    """Return a company number in canonical form, or raise InvalidIdentifier."""
    kind = company_number_kind(country, legal_form)
    try:
        return kind.check(text)
    except ValidationError:
        pass
    raise InvalidIdentifier(
        _("This is not a valid %(name)s. Check every digit; it looks like %(example)s."),
        name=kind.name, example=kind.example,
    )  # fmt: skip


# --- VAT numbers


def _austrian_vat(plain: str) -> str:
    return "AT" + uid.validate(plain if plain.startswith(("AT", "U")) else f"U{plain}")


def _swedish_vat(plain: str) -> str:
    plain = plain.removeprefix("SE")
    if len(plain) != 12 or not plain[10:].isdigit():
        raise ValidationError
    luhn.validate(plain[:10])
    return f"SE{plain}"


def _norwegian_vat(plain: str) -> str:
    return f"NO{no_orgnr.validate(plain.removeprefix('NO').removesuffix('MVA'))}MVA"


_VAT: dict[str, tuple[str, Callable[[str], str]]] = {
    "AT": ("ATU13585627", _austrian_vat),
    "DE": ("DE136695976", lambda plain: "DE" + de_vat.validate(plain)),
    "ES": ("ESB64717838", lambda plain: "ES" + _spanish(plain)),
    "PT": ("PT501964843", lambda plain: "PT" + pt_nif.validate(plain)),
    "FI": ("FI20774740", lambda plain: "FI" + alv.validate(plain)),
    "SE": ("SE556036079301", _swedish_vat),
    "DK": ("DK13585628", lambda plain: "DK" + cvr.validate(plain)),
    "NO": ("NO988077917MVA", _norwegian_vat),
    "IS": ("IS63245", lambda plain: "IS" + vsk.validate(plain.removeprefix("VSK"))),
    "SI": ("SI50223054", lambda plain: "SI" + ddv.validate(plain)),
}


def vat_example(country: str) -> str:
    """Return what a VAT number of a country looks like."""
    return _VAT[country][0]


def check_vat(country: str, text: str) -> str:
    """Return a VAT number in canonical form with its country, or raise InvalidIdentifier."""
    example, check = _VAT[country]
    try:
        return check(squeeze(text))
    except ValidationError:
        pass
    raise InvalidIdentifier(
        _(
            "This is not a valid VAT number. Check every digit; it looks like %(example)s. "
            "If the business has none, tick the box below instead."
        ),
        example=example,
    )


# --- bank accounts

IBAN_EXAMPLES = {
    "AT": "AT61 1904 3002 3457 3201", "DE": "DE89 3704 0044 0532 0130 00",
    "ES": "ES91 2100 0418 4502 0005 1332", "PT": "PT50 0002 0123 1234 5678 9015 4",
    "FI": "FI21 1234 5600 0007 85", "SE": "SE45 5000 0000 0583 9825 7466",
    "DK": "DK50 0040 0440 1162 43", "NO": "NO93 8601 1117 947",
    "IS": "IS14 0159 2600 7654 5510 7303 39", "SI": "SI56 2633 0001 2039 086",
}  # fmt: skip


def check_iban(text: str) -> tuple[str, str]:
    """Return the compact IBAN and the name of its bank ("" when it is not known).

    Raises InvalidIdentifier. Accounts anywhere in the IBAN area are taken.
    """
    plain = squeeze(text).removeprefix("IBAN")
    example = IBAN_EXAMPLES.get(plain[:2], IBAN_EXAMPLES["NO"])
    try:
        iban = IBAN(plain)
    except iban_errors.InvalidLength:
        raise InvalidIdentifier(
            _("This IBAN has %(length)s characters, which is too few or too many for its country. "
              "It looks like %(example)s."),
            length=len(plain), example=example,
        ) from None  # fmt: skip
    except iban_errors.InvalidChecksumDigits:
        raise InvalidIdentifier(
            _("A digit of this IBAN is wrong or two are swapped. Compare it with your bank "
              "statement; it looks like %(example)s."),
            example=example,
        ) from None  # fmt: skip
    except (iban_errors.SchwiftyException, ValueError):
        raise InvalidIdentifier(
            _("This is not an IBAN. Write two letters for the country, two check digits and "
              "the account, such as %(example)s."),
            example=example,
        ) from None  # fmt: skip
    return str(iban.compact), bank_name(iban.compact)


@lru_cache(maxsize=1024)
def bank_name(iban: str) -> str:
    """Return the name of the bank of a valid IBAN, or "" when the lists do not have it."""
    try:
        return IBAN(iban).bank_name or ""
    except iban_errors.SchwiftyException:
        return ""


def pretty_iban(iban: str) -> str:
    """Return an IBAN in groups of four."""
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))


# --- what is sold

COMMON_MCCS = {
    "5812": _("Restaurant"), "5814": _("Café, snack bar or fast food"),
    "5813": _("Bar or pub"), "5411": _("Supermarket or grocery"), "5462": _("Bakery"),
    "5499": _("Kiosk or convenience shop"), "5651": _("Clothing"),
    "5947": _("Souvenirs and gifts"), "5944": _("Watches and jewellery"),
    "5912": _("Pharmacy"), "7230": _("Hairdresser or beauty salon"), "7011": _("Hotel"),
    "4121": _("Taxi"), "7991": _("Museum or attraction"),
}  # fmt: skip

# Everyday words that the official descriptions do not use.
_EVERYDAY = {
    "cafe": "5814", "café": "5814", "coffee": "5814", "tea": "5814", "kebab": "5814",
    "pizza": "5812", "sushi": "5812", "ice": "5814", "snack": "5814", "beer": "5813",
    "pub": "5813", "wine": "5921", "bread": "5462", "cake": "5462", "fish": "5422",
    "butcher": "5422", "fruit": "5499", "market": "5411", "kiosk": "5994", "newspaper": "5994",
    "clothes": "5651", "fashion": "5651", "shoe": "5661", "shoes": "5661", "toy": "5945",
    "gift": "5947", "souvenir": "5947", "jeweller": "5944", "jewelry": "5944", "watch": "5944",
    "chemist": "5912", "barber": "7230", "hair": "7230", "nails": "7230", "gym": "7997",
    "bike": "5940", "phone": "4812", "computer": "5732", "book": "5942", "books": "5942",
    "garage": "7538", "petrol": "5541", "fuel": "5541", "hostel": "7011", "camping": "7033",
    "ski": "7999", "sauna": "7298", "spa": "7298", "bus": "4131", "train": "4112",
    "ferry": "4411", "doctor": "8011", "dentist": "8021", "vet": "0742", "flowers": "5992",
    "florist": "5992", "furniture": "5712", "laundry": "7210", "school": "8299",
}  # fmt: skip
_EMPTY_WORDS = {"shop", "shops", "store", "stores", "and", "or", "of", "the", "my", "we", "sell"}
_BRANDS = range(3000, 4000)  # codes that each name one airline, hotel chain or car hire


@lru_cache(maxsize=1)
def _mccs() -> dict[str, str]:
    found = {}
    for row in iso18245.get_all_mccs():
        name = row.iso_description or row.usda_description or row.visa_description
        if name and not row.range.reserved and int(row.mcc) not in _BRANDS:
            found[row.mcc] = name
    return found


def mcc_name(mcc: str) -> str:
    """Return what a merchant category code stands for; raise InvalidIdentifier if unknown."""
    try:
        return COMMON_MCCS.get(mcc) or _mccs()[mcc]
    except KeyError:
        raise InvalidIdentifier(
            _("%(mcc)s is not a kind of shop we know. Choose one from the list, such as "
              "Restaurant."),
            mcc=mcc[:8],
        ) from None  # fmt: skip


def search_mcc(words: str, *, most: int = 12) -> list[tuple[str, str]]:
    """Return (code, name) of the kinds of shop that fit some plain words, best first."""
    scores: dict[str, int] = {}
    wanted = [word for word in re.findall(r"\w{2,}", words.casefold()) if word not in _EMPTY_WORDS]
    for word in wanted[:8]:
        stem = word.removesuffix("s") if len(word) > 3 else word
        for known, mcc in _EVERYDAY.items():
            if word == known or stem == known:
                scores[mcc] = scores.get(mcc, 0) + 4
        for mcc, name in _mccs().items():
            described = f"{name} {COMMON_MCCS.get(mcc, '')}".casefold()
            if mcc == word:
                scores[mcc] = scores.get(mcc, 0) + 9
            elif re.search(rf"\b{re.escape(stem)}", described):
                scores[mcc] = scores.get(mcc, 0) + (3 if mcc in COMMON_MCCS else 2)
    ranked = sorted(scores, key=lambda mcc: (-scores[mcc], mcc))
    return [(mcc, mcc_name(mcc)) for mcc in ranked[:most]]


# --- places

_POSTCODES: dict[str, tuple[str, str, str]] = {
    # pattern, how it is written, example
    "AT": (r"([1-9]\d{3})", r"\1", "1010"), "DE": (r"(\d{5})", r"\1", "10115"),
    "ES": (r"((?:0[1-9]|[1-4]\d|5[0-2])\d{3})", r"\1", "28013"),
    "PT": (r"([1-9]\d{3})(\d{3})", r"\1-\2", "1100-148"),
    "FI": (r"(\d{5})", r"\1", "00100"), "SE": (r"([1-9]\d{2})(\d{2})", r"\1 \2", "111 22"),
    "DK": (r"(\d{4})", r"\1", "1050"), "NO": (r"(\d{4})", r"\1", "0155"),
    "IS": (r"([1-9]\d{2})", r"\1", "101"), "SI": (r"([1-9]\d{3})", r"\1", "1000"),
}  # fmt: skip
_LETTERS_BEFORE = {"AT": "A", "DE": "D", "PT": "P", "SE": "S", "NO": "N", "ES": "E"}


def postcode_example(country: str) -> str:
    return _POSTCODES[country][2]


def check_postcode(country: str, text: str) -> str:
    """Return a postcode as its country writes it, or raise InvalidIdentifier."""
    pattern, written, example = _POSTCODES[country]
    plain = squeeze(text).removeprefix(country).removeprefix(_LETTERS_BEFORE.get(country, country))
    found = re.fullmatch(pattern, plain, re.ASCII)
    if found is None:
        raise InvalidIdentifier(
            _("This is not a postcode of the country. It looks like %(example)s."),
            example=example,
        )  # fmt: skip
    return found.expand(written)
