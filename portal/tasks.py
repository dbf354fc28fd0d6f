"""Tasks of the whole: the tick, and long jobs."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from payments import tasks as payment_tasks
from portal.core import audit, jobs


@shared_task
def tick(**_: Any) -> None:
    """Once a minute: collect what partners left, read it, seal the audit trail."""
    payment_tasks.collect_feeds()
    audit.seal()
    from portal import duty

    for task, kwargs in duty.due():
        task.apply_async(kwargs=kwargs)


@shared_task
def run_job(*, job_id: int, **_: Any) -> None:
    jobs.run(job_id, now=timezone.now())
