"""One worker at a time; one that stalled and woke up again is fenced off."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.core import jobs, leases
from portal.core.models import Job, Lease

pytestmark = pytest.mark.django_db


def test_a_second_worker_waits_until_the_lease_runs_out():
    now = timezone.now()
    first = leases.acquire("night", seconds=60, now=now)
    assert first is not None
    Lease.objects.filter(name="night").update(until=now + timedelta(seconds=60))
    first.hold()
    first.release()
    again = leases.acquire("night", seconds=60, now=now)
    assert again is not None
    assert again.token == first.token + 1


def test_a_worker_that_lost_its_lease_is_told_so():
    first = leases.acquire("night", seconds=1)
    Lease.objects.filter(name="night").update(token=99)
    with pytest.raises(leases.LeaseLost):
        first.hold()
    first.release()
    assert Lease.objects.get(name="night").token == 99


def test_a_killed_workers_lease_is_free_at_once():
    now = timezone.now()
    first = leases.acquire("night", seconds=600, now=now)
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    host = leases.holder().partition(":")[0]
    Lease.objects.filter(name="night").update(holder=f"{host}:{ended.pid}:1")
    assert leases.busy(["night"], now=now) == set()
    again = leases.acquire("night", seconds=600, now=now)
    assert again.token == first.token + 1
    with pytest.raises(leases.LeaseLost):
        first.hold()


@pytest.fixture
def kinds(monkeypatch):
    made: dict[str, jobs.Work] = {}
    monkeypatch.setattr(jobs, "KINDS", made)
    return made


def test_a_job_reports_its_progress_and_ends(kinds):
    def work(progress: jobs.Progress) -> str:
        progress.report(3, 4, "three of four")
        assert Job.objects.get().percent == 75
        return "all four"

    kinds["count"] = work
    job = Job.objects.create(kind="count")
    assert jobs.waiting(now=timezone.now()) == [job.pk]
    jobs.run(job.pk, now=timezone.now())
    job.refresh_from_db()
    assert (job.state, job.message, job.done_units, job.attempts) == ("done", "all four", 4, 1)
    assert jobs.waiting(now=timezone.now()) == []
    jobs.run(job.pk, now=timezone.now())
    job.refresh_from_db()
    assert job.attempts == 1


def test_a_job_that_fails_says_why(kinds):
    def work(progress: jobs.Progress) -> str:
        raise ValueError("no such place")

    kinds["fail"] = work
    job = Job.objects.create(kind="fail")
    jobs.run(job.pk, now=timezone.now())
    job.refresh_from_db()
    assert (job.state, job.message) == ("failed", "ValueError: no such place")


def test_a_job_that_was_killed_is_tried_again_but_not_for_ever(kinds):
    kinds["count"] = lambda progress: "done"
    job = Job.objects.create(kind="count", state="running", attempts=5)
    jobs.run(job.pk, now=timezone.now())
    job.refresh_from_db()
    assert (job.state, job.message) == ("failed", "RuntimeError: given up after 5 attempts")
