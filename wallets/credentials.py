"""API keys of wallets: issue, rotate, revoke, verify.

A key reads ``sk_<12 hex digits>_<43 characters>``. The part before the second underscore
is kept to find it by; of the secret only the SHA-256 is kept. A plain hash is enough,
because the secret is 256 random bits that nobody can guess or list: a slow hash would
only slow down every payment.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

from django.db import OperationalError, transaction
from django.db.models import Q

from portal.core import audit
from portal.core.models import User
from wallets.models import Credential, Wallet

logger = logging.getLogger(__name__)

OVERLAP = timedelta(hours=24)
"""How long a rotated key goes on working, so that the wallet can change over."""

USE_NOTED_EVERY = timedelta(minutes=1)
_KEY = re.compile(r"(sk_[0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NOBODYS_HASH = hashlib.sha256(b"").hexdigest()


class AlreadyRevoked(Exception):
    """The key was revoked or rotated before."""


@dataclass(frozen=True)
class Issued:
    """A new key. ``key`` is the whole text, known only here and now."""

    credential: Credential
    key: str


def issue(*, wallet: Wallet, label: str, by: User | None, now: datetime) -> Issued:
    """Make a key for a wallet and return it with its text, which is not kept."""
    with transaction.atomic():
        made = _make(wallet, label, now)
        audit.record(
            "wallets.credential.issued", made.credential, by=by, wallet=wallet.code, key_label=label
        )
    return made


def rotate(
    credential: Credential, *, by: User | None, now: datetime, overlap: timedelta = OVERLAP
) -> Issued:
    """Make a key that takes the place of another, which works on for ``overlap``.

    Raises AlreadyRevoked when the key was rotated or revoked before.
    """
    with transaction.atomic():
        ended = Credential.objects.filter(pk=credential.pk, revoked_at=None).update(
            revoked_at=now + overlap
        )
        if not ended:
            raise AlreadyRevoked(credential.prefix)
        made = _make(credential.wallet, credential.label, now)
        audit.record(
            "wallets.credential.rotated", credential, by=by, wallet=credential.wallet.code,
            successor=made.credential.prefix, works_until=now + overlap,
        )  # fmt: skip
        audit.record(
            "wallets.credential.issued", made.credential, by=by, wallet=credential.wallet.code,
            key_label=credential.label,
        )  # fmt: skip
    return made


def revoke(credential: Credential, *, by: User | None, now: datetime) -> None:
    """End a key at once, also one that is in its last hours after a rotation."""
    with transaction.atomic():
        ended = Credential.objects.filter(
            Q(revoked_at=None) | Q(revoked_at__gt=now), pk=credential.pk
        ).update(revoked_at=now)
        if not ended:
            raise AlreadyRevoked(credential.prefix)
        audit.record("wallets.credential.revoked", credential, by=by, wallet=credential.wallet.code)


def verify(key: str, *, now: datetime) -> Credential | None:
    """Return the credential behind a key, its wallet loaded, or None when it opens nothing.

    Unknown, wrong and revoked keys, and keys of a wallet that is not active, are all None.
    The time of use is noted at most once a minute.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    prefix, secret = found.groups()
    credential = Credential.objects.select_related("wallet").filter(prefix=prefix).first()
    kept = credential.secret_hash if credential else _NOBODYS_HASH
    fits = compare_digest(kept, _hash(secret))
    if credential is None or not fits or not credential.wallet.active:
        return None
    if credential.revoked_at is not None and credential.revoked_at <= now:
        return None
    _note_use(credential, now)
    return credential


def _make(wallet: Wallet, label: str, now: datetime) -> Issued:
    prefix, secret = f"sk_{secrets.token_hex(6)}", secrets.token_urlsafe(32)
    credential = Credential.objects.create(
        wallet=wallet, prefix=prefix, secret_hash=_hash(secret), label=label, created_at=now
    )
    return Issued(credential, f"{prefix}_{secret}")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _note_use(credential: Credential, now: datetime) -> None:
    stale = now - USE_NOTED_EVERY
    if credential.last_used_at is not None and credential.last_used_at > stale:
        return
    try:
        with transaction.atomic():
            Credential.objects.filter(
                Q(last_used_at=None) | Q(last_used_at__lte=stale), pk=credential.pk
            ).update(last_used_at=now)
    except OperationalError:
        # A busy database must not refuse a payment over a note.
        logger.info("the use of %s could not be noted", credential.prefix)
