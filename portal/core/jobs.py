"""Long work as rows: claimed under a lease, with progress, tried at most five times."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import F, Q

from portal.core import leases
from portal.core.models import Job

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
LEASE_SECONDS = 60

Work = Callable[["Progress"], str]
KINDS: dict[str, Work] = {}


class Progress:
    """A running job as its work sees it: parameters in, progress out."""

    def __init__(self, job: Job, claim: leases.Claim) -> None:
        self.job, self._claim = job, claim
        self.params: dict[str, Any] = job.params

    def report(self, done: int, total: int, message: str = "") -> None:
        """Write down how far the work is; raise LeaseLost when another worker took it."""
        self._claim.hold()
        Job.objects.filter(pk=self.job.pk).update(
            done_units=done, total_units=total, message=message[:254]
        )


def kind(name: str) -> Callable[[Work], Work]:
    """Register a function as the work of a kind of job; it returns a closing message."""

    def register(work: Work) -> Work:
        KINDS[name] = work
        return work

    return register


def waiting(*, now: datetime) -> list[int]:
    """Return the ids of jobs that nobody is working on."""
    open_ids = list(
        Job.objects.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])
        .order_by("pk")
        .values_list("pk", flat=True)[:100]
    )
    held = leases.busy([f"job:{pk}" for pk in open_ids], now=now)
    return [pk for pk in open_ids if f"job:{pk}" not in held]


def run(job_id: int, *, now: datetime) -> None:
    """Work on a job if it is still open and nobody else does."""
    claim = leases.acquire(f"job:{job_id}", seconds=LEASE_SECONDS, now=now)
    if claim is None:
        return
    try:
        opened = Job.objects.filter(
            Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING), pk=job_id
        ).update(state=Job.State.RUNNING, attempts=F("attempts") + 1)
        if opened:
            _work(Job.objects.get(pk=job_id), claim, now)
    finally:
        claim.release()


def _work(job: Job, claim: leases.Claim, now: datetime) -> None:
    try:
        if job.attempts > MOST_ATTEMPTS:
            raise RuntimeError(f"given up after {MOST_ATTEMPTS} attempts")
        message = KINDS[job.kind](Progress(job, claim))
    except leases.LeaseLost:
        return
    except Exception as error:  # the row must say so, whatever it was
        logger.exception("job %s failed", job.pk)
        Job.objects.filter(pk=job.pk).update(
            state=Job.State.FAILED,
            finished_at=now,
            message=f"{type(error).__name__}: {error}"[:254],
        )
    else:
        Job.objects.filter(pk=job.pk).update(
            state=Job.State.DONE,
            finished_at=now,
            message=message[:254],
            done_units=F("total_units"),
        )
