"""Amounts: text to minor units and back, and nothing that only looks like a number."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core import money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "EUR", 1250), ("-0.01", "NOK", -1), ("0.00", "SEK", 0), ("+1.00", "DKK", 100),
        ("1500", "ISK", 1500), ("-7", "ISK", -7),
    ],
)  # fmt: skip
def test_plain_text_becomes_minor_units(text, currency, minor):
    assert money.to_minor(text, currency) == minor


@pytest.mark.parametrize(
    "text",
    ["", "12", "12.5", "12.500", "1,000.00", "1_000.00", "1e3", "NaN", "Infinity", "１２.００",
     "٣.٠٠", " 1.00", "1.00 ", "--1.00", "0x10", "1.00\n", ".50", "12,50", "9999999999999.00"],
)  # fmt: skip
def test_what_is_no_amount_in_euro_is_refused(text):
    with pytest.raises(money.NotAnAmount):
        money.to_minor(text, "EUR")


@pytest.mark.parametrize("text", ["15.00", "15.5", "1.500"])
def test_a_krona_of_iceland_has_no_decimals(text):
    with pytest.raises(money.NotAnAmount):
        money.to_minor(text, "ISK")


def test_some_partners_write_fewer_decimals():
    assert money.to_minor("190,0", "EUR", mark=",", short=True) == 19_000
    assert money.to_minor("190", "EUR", mark=",", short=True) == 19_000
    assert money.to_minor("190,0", "ISK", mark=",", short=True) == 190
    with pytest.raises(money.NotAnAmount):
        money.to_minor("190,5", "ISK", mark=",", short=True)
    with pytest.raises(money.NotAnAmount):
        money.to_minor("190,055", "EUR", mark=",", short=True)


def test_an_unknown_currency_is_no_two_decimal_currency():
    with pytest.raises(money.UnknownCurrency):
        money.to_minor("1.00", "XXX")


@given(st.integers(-(10**13), 10**13), st.sampled_from(["EUR", "ISK"]), st.sampled_from(".,"))
def test_text_and_amount_are_the_same_thing(minor, currency, mark):
    text = money.from_minor(minor, currency, mark=mark)
    if len(text.lstrip("-").partition(mark)[0]) <= 12:
        assert money.to_minor(text, currency, mark=mark) == minor


@given(st.integers(-(10**12), 10**12), st.integers(0, 10_000))
def test_a_share_is_rounded_half_up(minor, bps):
    exact = (Decimal(minor) * bps / 10_000).quantize(Decimal(1), ROUND_HALF_UP)
    assert money.share(minor, bps) == int(exact)


@given(st.integers(-(10**10), 10**10), st.decimals("0.00001", "2000", places=5))
def test_a_conversion_is_exact_before_it_is_rounded(minor, rate):
    exact = (Decimal(minor) * rate / 100).quantize(Decimal(1), ROUND_HALF_UP)
    assert money.convert(minor, "EUR", "ISK", str(rate)) == int(exact)


def test_the_published_fee_example():
    # 2.5 % and 1.50 of 53.21 in the sample of Vipps' report
    assert money.share(5_321, 250) + 150 == 283
