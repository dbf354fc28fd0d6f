"""Make a location known at the wallets whose agreement covers its country and currency."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Lower

from merchants import qr
from merchants.models import Enrolment, Location
from portal.core import audit
from portal.core.models import User
from wallets.models import Wallet

PREFIX = "loc_"
LONGEST_REF = 12


def covering(*, country: str, currency: str) -> list[Wallet]:
    """Return the wallets whose users can pay there, by name."""
    return list(
        Wallet.objects.filter(
            active=True, issues=True, countries__country=country, countries__currency=currency
        ).order_by(Lower("name"))
    )


def taken_at(location: Location) -> list[Wallet]:
    """Return the wallets that a location takes now, by name."""
    return list(
        Wallet.objects.filter(
            active=True,
            enrolments__location=location,
            enrolments__state=Enrolment.State.APPROVED,
        ).order_by(Lower("name"))
    )


def not_offered(location: Location) -> list[Wallet]:
    """Return the wallets whose agreement does not reach a location, by name."""
    covered = covering(country=location.country, currency=location.currency)
    return list(
        Wallet.objects.filter(active=True, issues=True)
        .exclude(pk__in=[wallet.pk for wallet in covered])
        .order_by(Lower("name"))
    )


def store_ref(location_code: str) -> str:
    """Return the reference a wallet knows a location by; the same for the same code.

    The serial part of the location's code in capitals, so that a person can match the two;
    codes from elsewhere, of any form, are folded into twelve characters.
    """
    serial = location_code.removeprefix(PREFIX).upper()
    if serial.isascii() and serial.isalnum() and len(serial) <= LONGEST_REF:
        return serial
    number = int.from_bytes(hashlib.sha256(location_code.encode()).digest()[:12], "big")
    folded = ""
    for _place in range(LONGEST_REF):
        number, digit = divmod(number, len(qr.ALPHABET))
        folded = qr.ALPHABET[digit] + folded
    return folded


def drafts(location: Location, *, wallets: Iterable[Wallet], now: datetime) -> list[Enrolment]:
    """Return the enrolments of a location, unsaved, for writing many at once."""
    return [
        Enrolment(
            location=location, wallet=wallet, store_ref=store_ref(location.code),
            state=Enrolment.State.APPROVED, changed_at=now,
        )
        for wallet in wallets
    ]  # fmt: skip


@transaction.atomic
def enrol(location: Location, *, by: User | None, now: datetime) -> list[Enrolment]:
    """Enrol a location at every covering wallet it is not enrolled at yet; return the new ones.

    The partners of the alliance take each other's shops at once; enrolling again changes
    nothing.
    """
    known = set(Enrolment.objects.filter(location=location).values_list("wallet_id", flat=True))
    missing = [
        wallet
        for wallet in covering(country=location.country, currency=location.currency)
        if wallet.pk not in known
    ]
    made = Enrolment.objects.bulk_create(drafts(location, wallets=missing, now=now))
    if made:
        audit.record(
            "merchants.location.enrolled", location, by=by, at=now,
            wallets=[wallet.code for wallet in missing],
        )  # fmt: skip
    return made
