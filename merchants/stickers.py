"""Issue, print, replace and revoke stickers. A sticker names a place, never an amount."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from merchants import printing, qr
from merchants.models import Enrolment, Location, Sticker
from merchants.refusals import Refused
from portal.core import audit
from portal.core.models import User


class UnsafeAddress(Refused):
    """QR_BASE_URL is not https: paper that hangs for years must not carry that address."""


def new_code() -> str:
    """Return a fresh random code with its check character; it says DEMO in the demo."""
    length = qr.DEMO_LENGTH if settings.DEMO else qr.BODY_LENGTH
    while True:
        body = "".join(secrets.choice(qr.ALPHABET) for _place in range(length))
        if settings.DEMO:
            return qr.with_check(qr.DEMO + body)
        if not qr.is_demo(body):
            return qr.with_check(body)


def check_character(code: str) -> str:
    """Return the check character that belongs behind the rest of a code."""
    return qr.check_character(code)


def normalise(typed: str) -> str:
    """Return a typed or scanned code in canonical form; it may still be mistyped."""
    return qr.normalise(typed)


def base_url(*, demo: bool) -> str:
    """Return the address stickers carry; raise UnsafeAddress when a real one's is not https.

    ``demo`` says that the code is marked DEMO: such a sticker may lead to any address, since
    it moves no money wherever it hangs.
    """
    address: str = settings.QR_BASE_URL
    parts = urlsplit(address)
    if not (demo or settings.DEMO) and (parts.scheme != "https" or not parts.hostname):
        raise UnsafeAddress(
            _("Stickers would carry %(address)s. Set QR_BASE_URL to an https address first.")
            % {"address": address}
        )
    return address


def draft(
    location: Location, *, code: str, now: datetime, by: User | None = None, till: str = ""
) -> Sticker:
    """Return a sticker, unsaved, with its exact text, for writing many at once."""
    address = base_url(demo=qr.is_demo(code))
    return Sticker(
        code=code, location=location, till=till, payload=qr.payload(address, code),
        issued_at=now, issued_by=by,
    )  # fmt: skip


@transaction.atomic
def issue(
    location: Location,
    *,
    till: str = "",
    by: User | None,
    now: datetime,
    code: str | None = None,
) -> Sticker:
    """Issue a sticker for a location that takes payments; store its exact text and symbol.

    Raises Refused when the location is closed or suspended, the code is not whole, or the
    address on it is not https though the code is a real one.
    """
    if location.state != Location.State.ACCEPTING:
        raise Refused(_("This shop takes no payments at present, so it gets no sticker."))
    code = code or new_code()
    if not qr.is_whole(code):
        raise Refused(_("%(code)s lacks its check character.") % {"code": code})
    sticker = draft(location, code=code, now=now, by=by, till=till)
    sticker.symbol_version = qr.version_of(qr.matrix(sticker.payload))
    sticker.save(force_insert=True)
    audit.record("merchants.sticker.issued", sticker, by=by, at=now, payload=sticker.payload)
    return sticker


@transaction.atomic
def mark_printed(stickers: Iterable[Sticker], *, by: User | None, now: datetime) -> None:
    """Write down that stickers were printed, the first time it happens."""
    for sticker in stickers:
        printed = Sticker.objects.filter(pk=sticker.pk, state=Sticker.State.ISSUED).update(
            state=Sticker.State.PRINTED, printed_at=now
        )
        if printed:
            audit.record("merchants.sticker.printed", sticker, by=by, at=now)


@transaction.atomic
def replace(sticker: Sticker, *, by: User | None, now: datetime) -> Sticker:
    """Issue a new sticker for the same till; the old one goes on working until it is revoked.

    Raises Refused when it was replaced or revoked before.
    """
    successor = issue(sticker.location, till=sticker.till, by=by, now=now)
    replaced = Sticker.objects.filter(
        pk=sticker.pk, state__in=[Sticker.State.ISSUED, Sticker.State.PRINTED]
    ).update(state=Sticker.State.REPLACED, replaced_by=successor)
    if not replaced:
        raise Refused(_("This sticker was replaced or revoked before."))
    audit.record("merchants.sticker.replaced", sticker, by=by, at=now, replaced_by=successor.code)
    return successor


@transaction.atomic
def revoke(sticker: Sticker, *, by: User | None, now: datetime) -> None:
    """Stop a sticker for good: whoever scans it is told not to pay. Raises Refused if it is."""
    revoked = (
        Sticker.objects.filter(pk=sticker.pk)
        .exclude(state=Sticker.State.REVOKED)
        .update(state=Sticker.State.REVOKED)
    )
    if not revoked:
        raise Refused(_("This sticker is revoked already."))
    sticker.state = Sticker.State.REVOKED
    audit.record("merchants.sticker.revoked", sticker, by=by, at=now)


def faces(stickers: Iterable[Sticker]) -> list[printing.Face]:
    """Return what stickers show, each with the wallets its shop takes; few queries for many.

    Give stickers with their location loaded.
    """
    found: list[printing.Face] = []
    waiting = iter(stickers)
    while some := list(islice(waiting, 500)):
        taken = _wallets_at({sticker.location_id for sticker in some})
        found += [
            printing.Face(
                code=sticker.code,
                payload=sticker.payload,
                shop=sticker.location.name,
                city=sticker.location.city,
                country=sticker.location.country,
                demo=qr.is_demo(sticker.code),
                wallets=taken.get(sticker.location_id, ()),
                till=sticker.till,
                version=sticker.symbol_version,
                mask=sticker.symbol_mask,
            )
            for sticker in some
        ]
    return found


def _wallets_at(location_ids: set[int]) -> dict[int, tuple[str, ...]]:
    """Return the names of the wallets each location takes, in the same order on any database."""
    taken: dict[int, list[str]] = {}
    for location_id, name in Enrolment.objects.filter(
        location_id__in=location_ids, state=Enrolment.State.APPROVED, wallet__active=True
    ).values_list("location_id", "wallet__name"):
        taken.setdefault(location_id, []).append(name)
    return {pk: tuple(sorted(names, key=str.casefold)) for pk, names in taken.items()}


def face(sticker: Sticker) -> printing.Face:
    return faces([sticker])[0]
