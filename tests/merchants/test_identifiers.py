"""Numbers of businesses, accounts, trades and places, country by country."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchants import identifiers
from merchants.identifiers import InvalidIdentifier
from wallets.models import COUNTRIES

VALID = [
    # country, legal form, typed, kept
    ("AT", "limited", "FN 122119m", "122119m"),
    ("AT", "limited", "122119 M", "122119m"),
    ("AT", "sole_trader", "12345678", "12345678"),
    ("AT", "sole_trader", "FN 122119 m", "122119m"),
    ("AT", "association", "ZVR-Zahl 123456789", "123456789"),
    ("DE", "limited", "Aachen HRB 15992", "Aachen HRB 15992"),
    ("DE", "limited", "Amtsgericht Neustadt am Wald, HRB 15992 B", "Neustadt am Wald HRB 15992 B"),
    ("DE", "sole_trader", "181/815/08155", "18181508155"),
    ("DE", "sole_trader", "DE123456789-00001", "DE12345678900001"),
    ("DE", "association", "Aachen VR 1599", "Aachen VR 1599"),
    ("ES", "sole_trader", "12345678-Z", "12345678Z"),
    ("ES", "sole_trader", "X-2482300W", "X2482300W"),
    ("ES", "sole_trader", "54362315K", "54362315K"),
    ("ES", "limited", "ES B-64717838", "B64717838"),
    ("ES", "association", "J99216582", "J99216582"),
    ("PT", "limited", "PT 501 964 843", "501964843"),
    ("PT", "sole_trader", "123 456 789", "123456789"),
    ("FI", "limited", "2077474-0", "2077474-0"),
    ("FI", "limited", "FI20774740", "2077474-0"),
    ("FI", "association", "1.234", "1234"),
    ("SE", "limited", "5560360793", "556036-0793"),
    ("SE", "limited", "16 556036-0793", "556036-0793"),
    ("SE", "sole_trader", "19880320-0016", "880320-0016"),
    ("SE", "sole_trader", "880320+0016", "880320-0016"),
    ("DK", "limited", "DK 13 58 56 28", "13585628"),
    ("DK", "sole_trader", "CVR-nr. 13585628", "13585628"),
    ("NO", "limited", "988 077 917", "988077917"),
    ("NO", "sole_trader", "NO 988 077 917 MVA", "988077917"),
    ("NO", "limited", "９８８０７７９１７", "988077917"),  # full-width digits
    ("IS", "limited", "450401-3150", "4504013150"),
    ("IS", "sole_trader", "120174-3399", "1201743399"),
    ("IS", "sole_trader", "120174-3389", "1201743389"),  # no promise that a person's checks
    ("SI", "limited", "9331310000", "9331310"),
    ("SI", "sole_trader", "933 131 0", "9331310"),
]


@pytest.mark.parametrize(("country", "form", "typed", "kept"), VALID)
def test_a_valid_company_number_is_kept_in_one_way_of_writing(country, form, typed, kept):
    assert identifiers.check_company_number(country, form, typed) == kept
    assert identifiers.check_company_number(country, form, kept) == kept


INVALID = [
    ("AT", "limited", "122119"),
    ("AT", "association", "12"),
    ("DE", "limited", "HRB"),
    ("DE", "limited", "Aachen 15992"),
    ("DE", "sole_trader", "1234"),
    ("ES", "limited", "B64717839"),
    ("ES", "sole_trader", "12345678A"),
    ("PT", "limited", "501964842"),
    ("FI", "limited", "2077474-1"),
    ("SE", "limited", "556036-0794"),
    ("SE", "sole_trader", "880320-0017"),
    ("DK", "limited", "13585629"),
    ("NO", "limited", "988077918"),
    ("NO", "limited", "98807791"),
    ("IS", "limited", "450401-3151"),
    ("IS", "sole_trader", "990174-3399"[:6]),
    ("SI", "limited", "9331320"),
]


@pytest.mark.parametrize(("country", "form", "typed"), INVALID)
def test_an_invalid_company_number_is_refused_with_an_example_of_a_right_one(country, form, typed):
    with pytest.raises(InvalidIdentifier) as refused:
        identifiers.check_company_number(country, form, typed)
    example = identifiers.company_number_kind(country, form).example
    assert example in str(refused.value)


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_country_has_sole_traders_companies_and_associations(country):
    assert {"sole_trader", "limited", "association"} <= identifiers.legal_forms(country).keys()


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_example_that_is_shown_is_itself_accepted(country):
    for form in identifiers.legal_forms(country):
        example = identifiers.company_number_kind(country, form).example
        assert identifiers.check_company_number(country, form, example)
    assert identifiers.check_vat(country, identifiers.vat_example(country))
    assert identifiers.check_iban(identifiers.IBAN_EXAMPLES[country])
    assert identifiers.check_postcode(country, identifiers.postcode_example(country))


VAT = [
    ("AT", "ATU 13585627", "ATU13585627"),
    ("AT", "u13585627", "ATU13585627"),
    ("DE", "136 695 976", "DE136695976"),
    ("ES", "B64717838", "ESB64717838"),
    ("PT", "PT 501.964.843", "PT501964843"),
    ("FI", "2077474-0", "FI20774740"),
    ("SE", "SE 556036-0793 01", "SE556036079301"),
    ("DK", "DK-13585628", "DK13585628"),
    ("NO", "988077917 mva", "NO988077917MVA"),
    ("NO", "NO988077917", "NO988077917MVA"),
    ("IS", "VSK 63245", "IS63245"),
    ("SI", "SI 5022 3054", "SI50223054"),
]


@pytest.mark.parametrize(("country", "typed", "kept"), VAT)
def test_a_vat_number_is_kept_with_its_country_in_front(country, typed, kept):
    assert identifiers.check_vat(country, typed) == kept
    assert identifiers.check_vat(country, kept) == kept


@pytest.mark.parametrize(
    ("country", "typed"),
    [
        ("AT", "ATU13585626"), ("DE", "136695978"), ("ES", "B64717839"), ("PT", "501964842"),
        ("FI", "20774741"), ("SE", "SE5560360794"), ("DK", "13585629"), ("NO", "988077918MVA"),
        ("IS", "1234"), ("SI", "50223055"), ("DE", "ATU13585627"), ("NO", ""),
    ],
)  # fmt: skip
def test_an_invalid_vat_number_is_refused_and_the_way_out_is_named(country, typed):
    with pytest.raises(InvalidIdentifier) as refused:
        identifiers.check_vat(country, typed)
    assert identifiers.vat_example(country) in str(refused.value)
    assert "tick the box" in str(refused.value)


def test_an_iban_is_compacted_and_its_bank_named():
    assert identifiers.check_iban("iban de89 3704 0044 0532 0130 00") == (
        "DE89370400440532013000", "Commerzbank",
    )  # fmt: skip
    assert identifiers.check_iban("AT61 1904 3002 3457 3201") == ("AT611904300234573201", "")
    assert identifiers.pretty_iban("NO9386011117947") == "NO93 8601 1117 947"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("NO9386011117948", "A digit of this IBAN is wrong"),
        ("DE8937040044053201300", "has 21 characters"),
        ("hello", "This is not an IBAN"),
        ("", "This is not an IBAN"),
        ("ZZ9386011117947", "This is not an IBAN"),
        ("北京", "This is not an IBAN"),
    ],
)
def test_a_wrong_iban_is_refused_with_what_is_wrong_and_an_example(typed, says):
    with pytest.raises(InvalidIdentifier) as refused:
        identifiers.check_iban(typed)
    assert says in str(refused.value)
    assert "looks like" in str(refused.value) or "such as" in str(refused.value)


@given(st.text(max_size=40))
def test_no_text_whatever_breaks_a_check(text):
    for check in (
        lambda: identifiers.check_iban(text),
        *(lambda country=country: identifiers.check_vat(country, text) for country in COUNTRIES),
        *(
            lambda country=country, form=form: identifiers.check_company_number(country, form, text)
            for country in COUNTRIES
            for form in identifiers.legal_forms(country)
        ),
        *(
            lambda country=country: identifiers.check_postcode(country, text)
            for country in COUNTRIES
        ),
    ):
        with suppress(InvalidIdentifier):  # anything else is a fault
            check()


@pytest.mark.parametrize(
    ("words", "mcc"),
    [
        ("coffee", "5814"), ("Café", "5814"), ("hairdresser", "7230"), ("gift shop", "5947"),
        ("5812", "5812"), ("shoes", "5661"), ("taxi", "4121"), ("hotel", "7011"),
    ],
)  # fmt: skip
def test_a_kind_of_shop_is_found_by_plain_words(words, mcc):
    found = identifiers.search_mcc(words)
    assert found[0][0] == mcc
    assert len(found) <= 12


def test_a_search_that_fits_nothing_finds_nothing():
    assert identifiers.search_mcc("xyzzy") == []
    assert identifiers.search_mcc("shop") == []
    assert identifiers.search_mcc("(") == []


def test_codes_that_name_one_airline_are_not_offered():
    assert all(not 3000 <= int(mcc) < 4000 for mcc, _name in identifiers.search_mcc("airlines"))


def test_an_unknown_kind_of_shop_is_refused():
    assert identifiers.mcc_name("5812") == "Restaurant"
    with pytest.raises(InvalidIdentifier):
        identifiers.mcc_name("0000")


@pytest.mark.parametrize(
    ("country", "typed", "kept"),
    [
        ("AT", "A-1010", "1010"), ("DE", "D 10115", "10115"), ("ES", "28013", "28013"),
        ("PT", "1100 148", "1100-148"), ("FI", "FI-00100", "00100"), ("SE", "11122", "111 22"),
        ("DK", "1050", "1050"), ("NO", "0155", "0155"), ("IS", "IS-101", "101"),
        ("SI", "SI-1000", "1000"),
    ],
)  # fmt: skip
def test_a_postcode_is_written_as_its_country_writes_it(country, typed, kept):
    assert identifiers.check_postcode(country, typed) == kept


@pytest.mark.parametrize(
    ("country", "typed"),
    [("AT", "10100"), ("DE", "1010"), ("ES", "99013"), ("PT", "110"), ("SE", "11-1"), ("NO", "")],
)
def test_a_postcode_of_another_shape_is_refused_with_an_example(country, typed):
    with pytest.raises(InvalidIdentifier) as refused:
        identifiers.check_postcode(country, typed)
    assert identifiers.postcode_example(country) in str(refused.value)
