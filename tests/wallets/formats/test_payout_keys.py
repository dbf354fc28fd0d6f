"""What a bank's text says about a payout: exact references, check digits, and no guessing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallets.formats import payout_keys
from wallets.formats.bank_statement import Detail, Entry
from wallets.formats.payout_keys import PayoutKey


def entry(minor: int, *details: tuple[str, str], text: str = "") -> Entry:
    found = tuple(
        Detail(minor, "NOK", "", "", name, "", words, "", None) for words, name in details
    )
    return Entry(1, 1, 0, None, None, minor, "NOK", False, "BOOK", "", "", "", text, 0, 1,
                 len(found), found)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Utb. 2000810 Vippsnr 117703", ("2000810", "117703")),
        ("Vipps utbet. 2000023 Vippsnr 57860", ("2000023", "57860")),
        ("Fra: Vipps AS Utb. 2000001 Vippsnr 1665 Bel", ("2000001", "1665")),
        ("Utb.2000810  Vippsnr  117703", ("2000810", "117703")),
        ("Utb. 200081 Vippsnr 117703", None),
        ("Utb. 20008100 Vippsnr 117703", None),
        ("Utb. 2000810 Vippsnr 1177035", None),
        ("utb. 2000810 Vippsnr 117703", None),
        ("Utb. ２000810 Vippsnr 117703", None),
        ("", None),
    ],
)
def test_vipps_text_names_settlement_and_sale_unit(
    text: str, found: tuple[str, str] | None
) -> None:
    assert payout_keys.vipps(text) == found


def test_a_transfer_reference_is_twenty_digits() -> None:
    assert payout_keys.mobilepay("MobilePay 00020180624123456789 OK") == "00020180624123456789"
    assert payout_keys.mobilepay("100020180624123456789") == ""
    assert payout_keys.mobilepay("0002018062412345678") == ""


def test_epassi_pays_under_one_name() -> None:
    assert payout_keys.is_epassi("Epassi Clearing Oy")
    assert payout_keys.is_epassi(" EPASSI  CLEARING OY ")
    assert not payout_keys.is_epassi("Epassi Clearing Oy Ab")


def test_a_credit_carries_all_of_its_keys_and_a_debit_none() -> None:
    texts = (
        ("Utb. 2000810 Vippsnr 117703", "Vipps AS"),
        ("Utb. 2000811 Vippsnr 117703", "Vipps AS"),
        ("kausi 1-7", "Epassi Clearing Oy"),
    )
    assert payout_keys.keys_of(entry(100, *texts, text="00020180624123456789")) == [
        PayoutKey("vipps", "117703-2000810"),
        PayoutKey("vipps", "117703-2000811"),
        PayoutKey("epassi", ""),
        PayoutKey("mobilepay", "00020180624123456789"),
    ]
    assert payout_keys.keys_of(entry(-100, *texts)) == []
    assert payout_keys.keys_of(entry(100, ("thank you", "A shop"))) == []


def test_the_published_references_have_their_check_digits() -> None:
    assert payout_keys.viitenumero("1234") == "12344"
    assert payout_keys.rf_of("12344") == "RF0812344"
    assert payout_keys.is_viitenumero("1 2344")
    assert payout_keys.is_viitenumero("0000012344")
    assert payout_keys.is_rf("RF08 1234 4")
    assert payout_keys.viite_of("RF0812344") == payout_keys.viite_of("00012344") == "12344"
    assert payout_keys.viite_of("12345") == payout_keys.viite_of("RF0912344") == ""


@pytest.mark.parametrize("base", ["", "12", "1" * 20, "12a4", "１２３４"])
def test_what_is_no_base_of_a_reference_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="no base"):
        payout_keys.viitenumero(base)


@pytest.mark.parametrize("reference", ["", "a", "1" * 22, "12 34"])
def test_what_is_no_reference_gets_no_rf(reference: str) -> None:
    with pytest.raises(ValueError, match="no reference"):
        payout_keys.rf_of(reference)


@given(
    base=st.from_regex(r"[1-9][0-9]{2,18}", fullmatch=True), place=st.integers(0, 30),
    digit=st.integers(1, 9),
)  # fmt: skip
def test_one_wrong_digit_never_passes(base: str, place: int, digit: int) -> None:
    for made, good in (
        (payout_keys.viitenumero(base), payout_keys.is_viitenumero),
        (payout_keys.rf_of(base), payout_keys.is_rf),
    ):
        assert good(made)
        spot = len(made) - 1 - place % len(base)
        wrong = str((int(made[spot]) + digit) % 10)
        assert not good(f"{made[:spot]}{wrong}{made[spot + 1 :]}")
