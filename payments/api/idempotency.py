"""A request that is repeated gets the same answer, and acts once.

The answer is stored under (wallet, Idempotency-Key) in the transaction of the act itself:
either both stand or neither. Only an act that was done is stored. A request that was
refused did nothing, so it may come again with the same key, corrected or not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request

from payments.acceptance import CannotAccept
from payments.api.problems import Refused
from payments.models import IdempotencyKey
from wallets.models import Wallet

Asked = TypeVar("Asked")
KEPT_FOR = timedelta(days=7)
_KEY = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True)
class Answer:
    """What an act answers: status, body and the address of what it made."""

    status: int
    body: Mapping[str, Any]
    location: str


def once(
    request: Request,
    *,
    wallet: Wallet,
    read: Callable[[], Asked],
    act: Callable[[Asked], Answer],
    now: datetime,
) -> HttpResponse:
    """Do an act once for the request's Idempotency-Key and answer it the same ever after.

    ``read`` makes of the body what is asked for, before anything is locked; ``act`` does
    it. Raises Refused when the key is missing, belongs to another request or is being
    worked on, and lets through what the two raise.
    """
    key = _key_of(request)
    fingerprint = _fingerprint(request)
    kept = _kept(wallet, key)
    if kept is not None:
        return _replay(kept, fingerprint)
    try:
        asked = read()
        with transaction.atomic():
            if not _is_alone(wallet, key):
                raise _in_flight()
            answer = act(asked)
            text = json.dumps(answer.body, cls=DjangoJSONEncoder, ensure_ascii=False)
            # The text itself is stored, so that a replay has the same bytes on any database.
            IdempotencyKey.objects.create(
                wallet=wallet, key=key, fingerprint=fingerprint, status=answer.status,
                body={"text": text, "location": answer.location}, created_at=now,
            )  # fmt: skip
    except (IntegrityError, CannotAccept):
        # The same request may have been faster on another connection.
        kept = _kept(wallet, key)
        if kept is None:
            raise
        return _replay(kept, fingerprint)
    return _answer(answer.status, text, answer.location)


def forget_old(*, now: datetime) -> int:
    """Delete keys that no caller repeats any more; return how many."""
    return IdempotencyKey.objects.filter(created_at__lt=now - KEPT_FOR).delete()[0]


def _key_of(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise Refused(
            "idempotency_key_missing",
            _("Send the header Idempotency-Key: 1 to 255 visible ASCII characters."),
        )
    return key


def _fingerprint(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def _kept(wallet: Wallet, key: str) -> IdempotencyKey | None:
    return IdempotencyKey.objects.filter(wallet=wallet, key=key).first()


def _is_alone(wallet: Wallet, key: str) -> bool:
    """Tell whether no other transaction works under this key right now.

    PostgreSQL says so at once; SQLite has one writer at a time, which waits its turn and
    then finds the stored answer.
    """
    if connection.vendor != "postgresql":
        return True
    name = hashlib.sha256(f"idempotency {wallet.pk} {key}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s)",
            [int.from_bytes(name[:8], "big", signed=True)],
        )
        return bool(cursor.fetchone()[0])


def _in_flight() -> Refused:
    return Refused("request_in_flight", _("Ask again in a moment."), headers={"Retry-After": "1"})


def _replay(kept: IdempotencyKey, fingerprint: str) -> HttpResponse:
    if kept.fingerprint != fingerprint:
        raise Refused(
            "idempotency_key_reused",
            _("It was used with another address or body. Take a new key for a new request."),
        )
    if kept.status is None or kept.body is None:
        raise _in_flight()
    answer = _answer(kept.status, kept.body["text"], kept.body["location"])
    answer["Idempotent-Replayed"] = "true"
    return answer


def _answer(status: int, text: str, location: str) -> HttpResponse:
    return HttpResponse(
        text, status=status, content_type="application/json", headers={"Location": location}
    )
