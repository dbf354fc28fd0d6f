"""The background work on PostgreSQL and a broker, done by a worker process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.db import connection

from portal.core import audit
from portal.core.models import AuditEntry, Job, User
from portal.tasks import tick

pytestmark = pytest.mark.services


def wait_for(happened: Callable[[], bool], *, seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_the_database_is_postgresql_17(db) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        assert int(cursor.fetchone()[0]) // 10_000 == 17


def test_a_message_sent_here_is_worked_on_there(worker) -> None:
    somebody = User.objects.create_user("somebody@shop.example")
    audit.record("core.user.looked_at", somebody, by=somebody)

    tick.delay()

    assert wait_for(lambda: AuditEntry.objects.filter(seal__number=1).exists()), worker.said()
    assert AuditEntry.objects.count() == 1


def test_a_row_is_enough_no_message_is_needed(worker) -> None:
    job = Job.objects.create(kind="a kind that nobody knows")

    assert wait_for(lambda: Job.objects.get(pk=job.pk).state == Job.State.FAILED), worker.said()
    assert Job.objects.get(pk=job.pk).attempts == 1


def test_what_comes_while_no_worker_lives_is_done_by_the_next_one(worker) -> None:
    worker.kill()
    job = Job.objects.create(kind="a kind that nobody knows")
    time.sleep(1.5)
    assert Job.objects.get(pk=job.pk).state == Job.State.QUEUED

    worker.start()

    assert wait_for(lambda: Job.objects.get(pk=job.pk).state == Job.State.FAILED), worker.said()
    assert Job.objects.get(pk=job.pk).attempts == 1
