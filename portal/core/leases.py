"""Leases: one worker at a time on a named thing, on any database.

The row is claimed by a conditional update and its token counts up with every claim. A
worker that stalls past its lease and wakes up again is fenced: ``hold`` inside its
transaction finds another token and raises. On PostgreSQL a session advisory lock frees a
killed worker's claim at once; elsewhere its process is looked for, or its lease runs out.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Q
from django.utils import timezone

from portal.core.models import Lease


class LeaseLost(Exception):
    """Another worker holds the thing now; whatever was not committed must be dropped."""


def _advisory_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"[:120]


@dataclass(frozen=True)
class Claim:
    """A lease held by this worker: its name and the token that proves it."""

    name: str
    token: int
    seconds: int

    def hold(self) -> None:
        """Extend the lease; raise LeaseLost when somebody else took it.

        Called first in a transaction it also locks the row to the end of it.
        """
        held = Lease.objects.filter(name=self.name, token=self.token).update(
            until=timezone.now() + timedelta(seconds=self.seconds)
        )
        if not held:
            raise LeaseLost(f"{self.name} was taken over by another worker.")

    def release(self) -> None:
        Lease.objects.filter(name=self.name, token=self.token).update(until=None, holder="")
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_advisory_key(self.name)])


def acquire(name: str, *, seconds: int, now: datetime | None = None) -> Claim | None:
    """Claim a named thing for some seconds; return None while another worker has it."""
    now = now or timezone.now()
    lease, _ = Lease.objects.get_or_create(name=name)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_advisory_key(name)])
            if not cursor.fetchone()[0]:
                return None
        # The lock is ours, so whoever wrote the row is gone or is this very session.
        free = Q()
    else:
        free = Q() if _is_dead(lease.holder) else Q(until=None) | Q(until__lt=now)
    claimed = Lease.objects.filter(free, name=name, token=lease.token).update(
        token=F("token") + 1, holder=holder(), until=now + timedelta(seconds=seconds)
    )
    return Claim(name, lease.token + 1, seconds) if claimed else None


def busy(names: list[str], *, now: datetime) -> set[str]:
    """Return those of the names that a worker seems to hold; to save others the try.

    On PostgreSQL nobody can tell but by trying, and there trying is cheap.
    """
    if not names or connection.vendor == "postgresql":
        return set()
    held = Lease.objects.filter(name__in=names, until__gte=now).values_list("name", "holder")
    return {name for name, holder in held if not _is_dead(holder)}


def _is_dead(holder: str) -> bool:
    """Tell for certain that a holder's process has ended: it was on this machine, and is not.

    SQLite is only used on one machine, so there a killed worker's lease is free at once.
    """
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
