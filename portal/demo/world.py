"""The demo's world: invented retailers at real places, enrolled and with their stickers.

Everything follows from the seed: the n-th retailer of a seed is always the same, so that
a build that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import csv
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Model

from merchants import enrolment, onboarding, qr, stickers
from merchants.models import Enrolment, Location, Merchant, Sticker
from portal.core.models import Setting, User
from portal.demo import numbers
from portal.demo.words import WORDS
from wallets.models import COUNTRIES

PLACES = Path(__file__).with_name("places.csv")
SINCE = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
LEAST_LOCATIONS = 20
MOST_LOCATIONS = 190_000

# One location with its enrolments and sticker is up to nine rows; a transaction stays
# near a thousand rows, some 25 ms, so that other writers of an SQLite file get their turn.
LOCATIONS_A_TRANSACTION = 110
PASSED_A_REPORT = 5_000

# Where the retailers are, in shares of fifty; the first ten are in all ten countries.
_COUNTRY_PATTERN = tuple(
    country
    for row in (
        ("NO", "FI", "AT", "DE", "ES", "PT", "SE", "DK", "SI", "IS"),
        ("NO", "FI", "AT", "DE", "ES", "PT", "SE", "NO", "FI", "AT"),
        ("DE", "ES", "PT", "NO", "FI", "DE", "AT", "ES", "NO", "PT"),
        ("FI", "SE", "DE", "NO", "AT", "ES", "FI", "PT", "NO", "SE"),
        ("DE", "DK", "AT", "NO", "FI", "ES", "PT", "SI", "NO", "FI"),
    )
    for country in row
)

MERCHANT_PREFIX = "mer_demo"
SEED_SETTING = "demo.seed"


@dataclass(frozen=True)
class Place:
    country: str
    name: str
    population: int


@dataclass(frozen=True)
class Shop:
    """One location of a retailer, before it is stored."""

    number: int
    name: str
    street: str
    postcode: str
    city: str


@dataclass(frozen=True)
class Retailer:
    """A retailer and its shops, before they are stored."""

    number: int
    legal_name: str
    country: str
    company_number: str
    vat_number: str
    iban: str
    mcc: str
    since: datetime
    shops: list[Shop] = field(default_factory=list)

    @property
    def ref(self) -> str:
        return merchant_ref(self.number)


ONE_SHOP = 0
CHAIN = 1
CHAIN_SHOPS = 8
NAMED_SHOPS = 1 + CHAIN_SHOPS
_NAMED = {
    ONE_SHOP: ("Havrekroken Bakeri", "NO", "5462", 1, "Bergen"),
    CHAIN: ("Tuulikello Kahvilat", "FI", "5812", CHAIN_SHOPS, "Helsinki"),
}
"""The two retailers whose people can sign in: name, country, MCC, shops, first city."""


@lru_cache(maxsize=1)
def places() -> dict[str, list[Place]]:
    """Return the places of each country, largest first."""
    found: dict[str, list[Place]] = {}
    with PLACES.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            found.setdefault(row["country"], []).append(
                Place(row["country"], row["name"], int(row["population"]))
            )
    return found


@lru_cache(maxsize=16)
def _weights(country: str) -> list[int]:
    # The square root, so that shops are not all in the two largest cities.
    return list(accumulate(int(place.population**0.5) for place in places()[country]))


def _place(country: str, rng: Random) -> Place:
    weights = _weights(country)
    return places()[country][bisect(weights, rng.randrange(weights[-1]))]


def _postcode(pattern: str, rng: Random) -> str:
    """Return digits in a country's form: a 9 is any digit, the first one is never 0."""
    first = True
    text = ""
    for mark in pattern:
        text += (str(rng.randint(1 if first else 0, 9))) if mark == "9" else mark
        first = False
    return text


def _shop_count(rng: Random) -> int:
    drawn = rng.random()
    if drawn < 0.72:
        return 1
    return rng.randint(2, 5) if drawn < 0.95 else rng.randint(6, 40)


def retailers(*, seed: int, locations: int) -> Iterator[Retailer]:
    """Yield the retailers of a seed until they have that many locations together."""
    number = shop_number = 0
    while shop_number < locations:
        retailer = _retailer(seed, number, shop_number, at_most=locations - shop_number)
        shop_number += len(retailer.shops)
        number += 1
        yield retailer


def _retailer(seed: int, number: int, first_shop: int, *, at_most: int) -> Retailer:
    rng = Random(f"{seed}:retailer:{number}")  # noqa: S311  (invented, and repeatable)
    if named := _NAMED.get(number):
        name, country, mcc, count, first_city = named
    else:
        country = _COUNTRY_PATTERN[number % len(_COUNTRY_PATTERN)]
        words = WORDS[country]
        trade, mcc = rng.choice(words.trades)
        name = f"{rng.choice(words.fronts)}{rng.choice(words.backs)} {trade}"
        # The first ones are small, so that the smallest world reaches every country.
        count = 1 if number < len(COUNTRIES) else _shop_count(rng)
        first_city = _place(country, rng).name
    words = WORDS[country]
    company = numbers.company_number(country, _number_at_home(number))
    retailer = Retailer(
        number=number, legal_name=f"{name} {words.company}", country=country,
        company_number=company, vat_number=numbers.vat_number(country, company, rng),
        iban=numbers.iban(country, rng), mcc=mcc,
        since=SINCE + timedelta(minutes=7 * (number % 20_000)),
    )  # fmt: skip
    for n in range(min(count, at_most)):
        city = first_city if n == 0 else _place(country, rng).name
        street = words.address.format(street=rng.choice(words.streets), number=rng.randint(1, 120))
        retailer.shops.append(
            Shop(
                number=first_shop + n, name=name if count == 1 else f"{name} {city}"[:80],
                street=street, postcode=_postcode(words.postcode, rng), city=city,
            )
        )  # fmt: skip
    return retailer


def _number_at_home(number: int) -> int:
    """Return how many retailers of the same country come before one."""
    rounds, at = divmod(number, len(_COUNTRY_PATTERN))
    country = _COUNTRY_PATTERN[at]
    return rounds * _COUNTRY_PATTERN.count(country) + _COUNTRY_PATTERN[:at].count(country)


def merchant_ref(number: int) -> str:
    return f"{MERCHANT_PREFIX}{number:06d}"


def location_code(number: int) -> str:
    return f"loc_demo{number:06d}"


def sticker_code(number: int) -> str:
    """Return the code of the n-th location's sticker; it says DEMO."""
    return qr.code_of(number, demo=True)


def is_there() -> bool:
    return Merchant.objects.exists()


def is_ours() -> bool:
    """Tell whether the database is new, empty or made by the demo."""
    if Setting._meta.db_table not in connection.introspection.table_names():
        return True
    return Setting.objects.filter(name=SEED_SETTING).exists() or not (
        User.objects.exists() or is_there()
    )


def size() -> int:
    """Return how many locations there are."""
    return Location.objects.count()


def seed(*, default: int = 1) -> int:
    """Return the seed this world was made from, or the default when it has none yet."""
    kept = Setting.objects.filter(name=SEED_SETTING).values_list("value", flat=True).first()
    return int(kept or default)


Report = Callable[[int, int], None]


def build(
    *,
    seed: int,
    locations: int,
    report: Report = lambda done, total: None,
    pause_seconds: float = 0,
) -> int:
    """Store the world of a seed, as far as it is not there yet; return how many locations are new.

    ``report(done, total)`` is called after every transaction, and now and then while what is
    there already is passed over. ``pause_seconds`` is waited after every transaction: whoever
    waits for the lock of an SQLite file asks for it now and then, and must find it free.
    """
    Setting.objects.update_or_create(name=SEED_SETTING, defaults={"value": str(seed)})
    covers = _Coverage()
    there = dict(
        Merchant.objects.filter(ref__startswith=MERCHANT_PREFIX)
        .annotate(shops=Count("locations"))
        .values_list("ref", "shops")
    )
    waiting: list[Retailer] = []
    done = made = held = passed = 0
    for retailer in retailers(seed=seed, locations=locations):
        # A smaller world may have cut its last chain short.
        stored = there.pop(retailer.ref, 0)
        done += stored
        passed += stored
        if passed >= PASSED_A_REPORT:
            passed = 0
            report(done + made, locations)
        if stored == len(retailer.shops):
            continue
        waiting.append(replace(retailer, shops=retailer.shops[stored:]))
        held += len(retailer.shops) - stored
        if held >= LOCATIONS_A_TRANSACTION:
            made += _store(waiting, covers)
            waiting, held = [], 0
            report(done + made, locations)
            sleep(pause_seconds)
    made += _store(waiting, covers)
    report(done + made, locations)
    return made


class _Coverage:
    """Who covers what, and what stickers lead to, looked up once."""

    def __init__(self) -> None:
        self.address = stickers.base_url(demo=True)
        self.acquirers = {country: onboarding.acquirer_for(country) for country in COUNTRIES}
        self.by_country = {
            country: enrolment.covering(country=country, currency=currency)
            for country, (_name, currency, _zone) in COUNTRIES.items()
        }


@transaction.atomic
def _store(batch: list[Retailer], covers: _Coverage) -> int:
    known = Merchant.objects.in_bulk([one.ref for one in batch], field_name="ref")
    made = Merchant.objects.bulk_create(
        Merchant(
            ref=one.ref, legal_name=one.legal_name, country=one.country, legal_form="limited",
            company_number=one.company_number, vat_number=one.vat_number, iban=one.iban,
            mcc=one.mcc, acquirer=covers.acquirers[one.country], created_at=one.since,
        )
        for one in batch
        if one.ref not in known
    )  # fmt: skip
    known |= {merchant.ref: merchant for merchant in made}
    locations = Location.objects.bulk_create(
        Location(
            code=location_code(shop.number), merchant=known[one.ref], name=shop.name,
            street=shop.street, postcode=shop.postcode, city=shop.city, country=one.country,
            currency=COUNTRIES[one.country][1], mcc=one.mcc, state=Location.State.ACCEPTING,
            created_at=one.since,
        )
        for one in batch
        for shop in one.shops
    )  # fmt: skip
    # Nearly nine rows in ten are these. As objects they took most of the whole build; as plain
    # rows it takes half as long.
    _insert(
        Enrolment,
        ("location_id", "wallet_id", "store_ref", "state", "changed_at"),
        [
            (location.pk, wallet.pk, ref, Enrolment.State.APPROVED.value, since)
            for location in locations
            for ref, since in [(enrolment.store_ref(location.code), _instant(location))]
            for wallet in covers.by_country[location.country]
        ],
    )
    codes = [sticker_code(shop.number) for one in batch for shop in one.shops]
    _insert(
        Sticker,
        ("location_id", "code", "payload", "issued_at"),
        [
            (location.pk, code, qr.payload(covers.address, code), _instant(location))
            for code, location in zip(codes, locations, strict=True)
        ],
    )
    return len(locations)


def _instant(location: Location) -> Any:
    return connection.ops.adapt_datetimefield_value(location.created_at)


def _insert(model: type[Model], columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Insert rows without making objects of them; other columns have their defaults."""
    others = {
        str(field.column): field.get_db_prep_save(field.get_default(), connection)
        for field in model._meta.concrete_fields
        if field.column not in columns and not field.primary_key
    }
    rest = tuple(others.values())
    names = [connection.ops.quote_name(name) for name in (*columns, *others)]
    table = connection.ops.quote_name(model._meta.db_table)
    marks = ", ".join(["%s"] * len(names))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})",  # noqa: S608
            [row + rest for row in rows],
        )
