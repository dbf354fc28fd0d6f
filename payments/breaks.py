"""Close and write off breaks; every one of them says how it ended."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from payments.models import Break
from portal.core import audit
from portal.core.models import User


class CannotClose(Exception):
    """The break is not open any more, or no reason was given."""


def close(break_: Break, *, by: User, note: str, now: datetime) -> None:
    """Close an open break with a note that says how it was solved."""
    _end(break_, Break.State.CLOSED, by=by, note=note, now=now)


def write_off(break_: Break, *, by: User, note: str, now: datetime) -> None:
    """Write an entry off that will not be settled; the roll-forward takes it out."""
    if break_.outcome != Break.Outcome.MISSING_IN_SETTLEMENT:
        raise CannotClose("Only an entry that was not settled can be written off.")
    _end(break_, Break.State.WRITTEN_OFF, by=by, note=note, now=now)


def _end(break_: Break, state: str, *, by: User, note: str, now: datetime) -> None:
    if not note.strip():
        raise CannotClose("Say in a few words how it was solved.")
    with transaction.atomic():
        ended = Break.objects.filter(pk=break_.pk, state=Break.State.OPEN).update(
            state=state, closed_at=now, closed_by=by, closing_note=note.strip()
        )
        if not ended:
            raise CannotClose("Somebody else has closed this break in the meantime.")
        audit.record(f"payments.break.{state}", break_, by=by, at=now, note=note.strip())
