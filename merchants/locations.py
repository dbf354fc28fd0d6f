"""Open and close the addresses of a merchant."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from merchants import enrolment, qr
from merchants.models import Location, Merchant
from merchants.refusals import Refused
from portal.core import audit
from portal.core.models import User
from wallets.models import COUNTRIES

CODE_LENGTH = 10


def new_code() -> str:
    """Return a fresh location code such as ``loc_7k3m9qxa2b``."""
    return enrolment.PREFIX + "".join(
        secrets.choice(qr.ALPHABET.lower()) for _place in range(CODE_LENGTH)
    )


@transaction.atomic
def open_location(
    *,
    merchant: Merchant,
    name: str,
    street: str,
    postcode: str,
    city: str,
    country: str,
    mcc: str,
    by: User | None,
    now: datetime,
    code: str | None = None,
) -> Location:
    """Open a shop that accepts payments at once; it is not enrolled anywhere yet.

    Raises Refused outside the countries of the alliance and for a merchant that is closed.
    """
    if country not in COUNTRIES:
        raise Refused(_("The alliance does not reach this country yet."))
    if merchant.state != Merchant.State.ACTIVE:
        raise Refused(_("This merchant is not active, so it cannot open a shop."))
    location = Location.objects.create(
        code=code or new_code(), merchant=merchant, name=name, street=street, postcode=postcode,
        city=city, country=country, currency=COUNTRIES[country][1], mcc=mcc,
        state=Location.State.ACCEPTING, created_at=now,
    )  # fmt: skip
    audit.record("merchants.location.opened", location, by=by, at=now, merchant=merchant.ref)
    return location


@transaction.atomic
def close_location(location: Location, *, by: User | None, now: datetime) -> None:
    """Close a shop for good; refunds of its payments still work. Raises Refused if it is."""
    closed = (
        Location.objects.filter(pk=location.pk)
        .exclude(state=Location.State.CLOSED)
        .update(state=Location.State.CLOSED)
    )
    if not closed:
        raise Refused(_("This shop is closed already."))
    location.state = Location.State.CLOSED
    audit.record("merchants.location.closed", location, by=by, at=now)
