"""Codes and symbols: every slip is caught, every text comes back."""

from __future__ import annotations

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from merchants import qr

CODES = st.builds(
    qr.code_of, st.integers(0, len(qr.ALPHABET) ** qr.DEMO_LENGTH - 1), demo=st.booleans()
)


def decoded(modules: qr.Matrix) -> str:
    """Read a symbol with a reader that is not the writer."""
    size = len(modules) + 2 * qr.QUIET_ZONE
    picture = Image.new("L", (size, size), 255)
    for y, x, length in qr.runs(modules):
        for step in range(length):
            picture.putpixel((x + step + qr.QUIET_ZONE, y + qr.QUIET_ZONE), 0)
    picture = picture.resize((4 * size, 4 * size), Image.Resampling.NEAREST)
    (found,) = zxingcpp.read_barcodes(picture)
    return str(found.text)


@given(CODES)
def test_every_single_wrong_character_is_caught(code):
    for at, right in enumerate(code):
        for wrong in qr.ALPHABET:
            if wrong != right:
                assert not qr.is_whole(code[:at] + wrong + code[at + 1 :])


@given(CODES)
def test_every_swap_of_neighbours_is_caught(code):
    for at in range(len(code) - 1):
        if code[at] != code[at + 1]:
            swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
            assert not qr.is_whole(swapped)


@given(CODES)
def test_a_code_is_read_however_it_is_typed(code):
    assert qr.read(code) == code
    assert qr.read(qr.grouped(code).lower()) == code
    assert qr.read(f" {code[:3]}-{code[3:]} ") == code
    assert qr.read(code.replace("O", "0")) == code


def test_codes_have_no_characters_that_look_alike():
    assert len(qr.ALPHABET) == len(set(qr.ALPHABET)) == 31
    assert not set(qr.ALPHABET) & set("01ILU")


def test_numbers_get_codes_of_their_own_that_look_nothing_alike():
    codes = [qr.code_of(number) for number in range(5_000)]
    assert len(set(codes)) == 5_000
    assert all(len(code) == 9 and qr.is_whole(code) for code in codes)
    assert qr.code_of(0, demo=True).startswith("DEMO")
    with pytest.raises(ValueError, match="has no code"):
        qr.code_of(31**8)


def test_a_mistyped_code_is_named_as_such():
    with pytest.raises(qr.Mistyped, match="wrong, missing or swapped"):
        qr.read("DEMO 2345 6789")
    with pytest.raises(qr.Mistyped, match="No code has 1, U in it"):
        qr.read("ABC-1UA-ZZZ")
    with pytest.raises(qr.Mistyped):
        qr.read("")


def test_a_code_is_shown_in_groups():
    assert qr.grouped("235VKYJS2") == "235 VKY JS2"
    assert qr.grouped("DEMO36ECRVRS") == "DEMO 36EC RVRS"


def test_the_text_of_a_symbol_is_parsed_back():
    code = qr.code_of(7)
    text = qr.payload("https://q.example/", code)
    assert text == f"https://q.example/q/{code}"
    assert qr.parse(text, base_urls=("https://q.example",)) == code
    old = ("https://new.example", "https://Q.example")
    assert qr.parse(text.lower().replace(code.lower(), code), base_urls=old) == code


@pytest.mark.parametrize(
    "text",
    ["https://evil.example/q/235VKYJS2", "http://q.example/q/235VKYJS2", "235VKYJS2", "",
     "https://q.example/x/235VKYJS2", "https://q.example.evil.example/q/235VKYJS2"],
)  # fmt: skip
def test_a_text_of_somebody_else_is_not_ours(text):
    with pytest.raises(qr.NotOurs):
        qr.parse(text, base_urls=("https://q.example",))


@given(CODES)
def test_a_symbol_is_read_as_what_was_written(code):
    text = qr.payload("https://q.example", code)
    modules = qr.matrix(text)
    assert decoded(modules) == text
    assert qr.matrix(text, version=qr.version_of(modules)) == modules


def test_the_quiet_zone_is_four_modules():
    assert qr.QUIET_ZONE == 4


def test_a_text_that_breaks_the_encoder_is_encoded_all_the_same():
    text = "https://q.example/q/" + "0" * 95
    with pytest.raises(ValueError, match="glog"):
        qr._symbol(text, None, qr.MASK, 20)
    assert decoded(qr.matrix(text)) == text


def test_runs_are_the_dark_modules():
    modules = qr.matrix("https://q.example/q/235VKYJS2")
    drawn = {(y, x + step) for y, x, length in qr.runs(modules) for step in range(length)}
    assert drawn == {(y, x) for y, row in enumerate(modules) for x, dark in enumerate(row) if dark}
