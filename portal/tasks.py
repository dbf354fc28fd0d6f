"""Tasks of the whole: the tick, and long jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from celery import Task, shared_task
from django.utils import timezone

from payments import absence, collecting, settlement
from payments import tasks as payment_tasks
from payments.api import idempotency
from portal.core import audit, clock, jobs


@shared_task
def tick(**_: Any) -> None:
    """Once a minute: hint at what is due, tell what is absent, tidy up."""
    for task, kwargs in due():
        task.apply_async(kwargs=kwargs)
    absence.watch(now=clock.now())
    audit.seal()
    idempotency.forget_old(now=timezone.now())


def due() -> Iterator[tuple[Task[..., Any], dict[str, int]]]:
    """Yield the tasks that rows call for at this moment."""
    now = timezone.now()
    for feed_id in collecting.due(now=now):
        yield payment_tasks.collect_feed, {"feed_id": feed_id}
    for feed_id in settlement.feeds_with_work(now=now):
        yield payment_tasks.reconcile_feed, {"feed_id": feed_id}
    for job_id in jobs.waiting(now=now):
        yield run_job, {"job_id": job_id}


@shared_task
def run_job(*, job_id: int, **_: Any) -> None:
    jobs.run(job_id, now=timezone.now())
