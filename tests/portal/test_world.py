"""The invented world: repeatable, whole, and with numbers a form would take."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from merchants import enrolment, identifiers, qr
from merchants.models import Enrolment, Location, Merchant, Sticker
from portal.demo import numbers, world
from portal.demo.words import WORDS
from wallets.models import COUNTRIES, WalletCountry

RETAILERS = list(world.retailers(seed=3, locations=400))


def test_the_same_seed_invents_the_same_retailers() -> None:
    assert list(world.retailers(seed=3, locations=400)) == RETAILERS
    assert list(world.retailers(seed=4, locations=400)) != RETAILERS


def test_there_are_exactly_as_many_locations_as_asked_for() -> None:
    numbers_of_shops = [shop.number for one in RETAILERS for shop in one.shops]
    assert numbers_of_shops == list(range(400))


def test_a_larger_world_begins_with_the_smaller_one() -> None:
    larger = list(world.retailers(seed=3, locations=500))
    assert larger[: len(RETAILERS) - 1] == RETAILERS[:-1]


def test_every_country_has_a_shop_in_a_small_world() -> None:
    smallest = world.retailers(seed=3, locations=world.LEAST_LOCATIONS)
    assert {one.country for one in smallest} == set(COUNTRIES)


def test_the_named_retailers_are_one_shop_and_a_chain() -> None:
    one_shop, chain = RETAILERS[world.ONE_SHOP], RETAILERS[world.CHAIN]
    assert (one_shop.legal_name, len(one_shop.shops)) == ("Havrekroken Bakeri AS", 1)
    assert (chain.legal_name, len(chain.shops)) == ("Tuulikello Kahvilat Oy", 8)


def test_every_retailer_has_a_number_among_those_of_its_country() -> None:
    before: Counter[str] = Counter()
    for number in range(220):
        country = world._COUNTRY_PATTERN[number % 50]
        assert world._number_at_home(number) == before[country]
        before[country] += 1


def test_the_named_retailers_come_from_where_the_pattern_has_them() -> None:
    for number, (_name, country, *_rest) in world._NAMED.items():
        assert world._COUNTRY_PATTERN[number] == country


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_a_running_number_that_would_be_too_long_is_passed_over(country: str) -> None:
    # 5,572 was once a German number of eight digits, which no register gives.
    assert len({numbers.company_number(country, n) for n in range(5_560, 5_580)}) == 20


@pytest.mark.full
def test_the_largest_world_has_no_number_twice() -> None:
    largest = world.retailers(seed=1, locations=world.MOST_LOCATIONS)
    found = [(one.country, one.company_number) for one in largest]
    assert len(set(found)) == len(found) > 60_000


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_numbers_and_postcodes_of_a_country_pass_the_checks_of_the_forms(country: str) -> None:
    rng = Random(1)
    found = [numbers.company_number(country, n) for n in range(200)]
    assert len(set(found)) == 200
    for number in found:
        assert identifiers.check_company_number(country, "limited", number) == number
        vat = numbers.vat_number(country, number, rng)
        assert vat == "" or identifiers.check_vat(country, vat) == vat
        iban = numbers.iban(country, rng)
        assert identifiers.check_iban(iban)[0] == iban
        postcode = world._postcode(WORDS[country].postcode, rng)
        assert identifiers.check_postcode(country, postcode) == postcode


def test_every_trade_is_a_merchant_category() -> None:
    for words in WORDS.values():
        for _name, mcc in words.trades:
            assert identifiers.mcc_name(mcc)


def test_every_place_lies_in_a_country_of_the_alliance() -> None:
    assert set(world.places()) == set(COUNTRIES)
    assert sum(len(found) for found in world.places().values()) == 1_500


def test_a_built_world_is_enrolled_wherever_an_agreement_covers_it(alliance) -> None:
    assert world.build(seed=3, locations=60) == 60
    assert Location.objects.count() == 60
    for location in Location.objects.all():
        covering = set(
            WalletCountry.objects.filter(
                country=location.country, currency=location.currency
            ).values_list("wallet_id", flat=True)
        )
        enrolled = Enrolment.objects.filter(location=location, state="approved")
        assert set(enrolled.values_list("wallet_id", flat=True)) == covering
        refs = set(enrolled.values_list("store_ref", flat=True))
        assert refs == {enrolment.store_ref(location.code)}
    iceland = Enrolment.objects.filter(location__country="IS")
    assert iceland.exists()
    assert not iceland.filter(wallet__code="alipay").exists()


def test_every_location_has_a_demo_sticker_with_its_text(small_world, settings) -> None:
    stickers = Sticker.objects.select_related("location").order_by("location__code")
    assert [one.location.code for one in stickers] == [world.location_code(n) for n in range(40)]
    for sticker in stickers:
        assert qr.is_demo(sticker.code)
        assert qr.is_whole(sticker.code)
        assert sticker.payload == f"{settings.QR_BASE_URL}/q/{sticker.code}"


def test_an_interrupted_build_goes_on_and_builds_nothing_twice(small_world) -> None:
    merchants = Merchant.objects.count()
    assert world.build(seed=1, locations=40) == 0
    assert Merchant.objects.count() == merchants
    world.build(seed=1, locations=55)
    assert Location.objects.count() == 55


def test_progress_is_told_and_ends_at_the_end(alliance) -> None:
    told = []
    world.build(seed=1, locations=250, report=lambda done, total: told.append((done, total)))
    assert told[-1] == (250, 250)
    assert len(told) == 3
    assert all(total == 250 for _done, total in told)


def test_a_database_of_a_real_portal_is_not_taken_for_the_demos(merchant) -> None:
    assert not world.is_ours()


def test_an_empty_database_and_a_demo_world_are_the_demos(alliance) -> None:
    assert world.is_ours()
    world.build(seed=1, locations=20)
    assert world.is_ours()
