"""The audit trail: every act writes one entry; entries are sealed into a hash chain."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from portal.core.models import AuditEntry, AuditSeal, User

FIRST_HASH = "0" * 64
SEALED_AT_ONCE = 2_000


def record(
    verb: str,
    target: models.Model,
    *,
    by: User | None = None,
    label: str = "",
    at: datetime | None = None,
    **data: Any,
) -> AuditEntry:
    """Write down that somebody did something to a thing; ``by`` None is the portal itself.

    Call it inside the transaction of the act, so that neither stands without the other.
    """
    return AuditEntry.objects.create(
        at=at or timezone.now(),
        actor=by,
        actor_label=by.email if by else (label or "onestile"),
        verb=verb,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        target_label=str(target)[:254],
        data=json.loads(json.dumps(data, cls=DjangoJSONEncoder)),
    )


def digest(previous: str, entry: AuditEntry) -> str:
    """Return the hash of an entry behind the hash before it (SHA-256 of canonical JSON)."""
    body = json.dumps(
        [
            previous, entry.pk, entry.at.isoformat(), entry.actor_label, entry.verb,
            entry.target_type, entry.target_id, entry.target_label, entry.data,
        ],
        sort_keys=True, separators=(",", ":"), ensure_ascii=False,
    )  # fmt: skip
    return hashlib.sha256(body.encode()).hexdigest()


def seal() -> int:
    """Append unsealed entries to the chain in order; return how many.

    One sealer at a time: the seal's number is its primary key, so of two at once one fails
    on its first number, and leaves the rest to the other.
    """
    try:
        return _seal()
    except IntegrityError:
        return 0


def _seal() -> int:
    with transaction.atomic():
        last = AuditSeal.objects.order_by("-number").first()
        number, previous = (last.number, last.hash) if last else (0, FIRST_HASH)
        seals = []
        waiting = AuditEntry.objects.filter(seal=None).order_by("pk")[:SEALED_AT_ONCE]
        for entry in waiting:
            number += 1
            previous = digest(previous, entry)
            seals.append(AuditSeal(number=number, entry=entry, hash=previous))
        AuditSeal.objects.bulk_create(seals)
    return len(seals)


def broken_at() -> int | None:
    """Return the number of the first seal that does not fit, or None when all do."""
    previous = FIRST_HASH
    seals = AuditSeal.objects.select_related("entry").order_by("number").iterator()
    for expected, chained in enumerate(seals, 1):
        previous = digest(previous, chained.entry)
        if chained.number != expected or chained.hash != previous:
            return chained.number
    return None
