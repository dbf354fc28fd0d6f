"""The demo's long work as jobs: build the world, simulate its past, close a night."""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from payments import tasks as payment_tasks
from portal.core import clock, jobs
from portal.core.models import Job
from portal.demo import faults, nights, world
from portal.demo.faults import Plan

BUILD = "demo.build"
NIGHTS = "demo.nights"
NIGHT = "demo.night"
MOST_DAYS_TO_CATCH_UP = 7
TELL_EVERY_SECONDS = 0.5
PAUSE_SECONDS = 0.01


def feeds_folder() -> Path:
    """Return the folder in which every simulated partner has its own."""
    return Path(settings.VAR_DIR) / "feeds"


def open_jobs() -> list[Job]:
    return list(
        Job.objects.filter(
            kind__startswith="demo.", state__in=[Job.State.QUEUED, Job.State.RUNNING]
        ).order_by("pk")
    )


def plan_of(name: str, *, seed: int, first: date, last: date) -> Plan:
    """Return the plan that --faults names, for some nights. Raises BadPlan."""
    if name == "default":
        return nights.default_plan(seed=seed, first=first, last=last)
    if name == "none":
        return faults.none(seed=seed)
    return faults.from_file(Path(name), seed=seed, layouts=nights.layouts())


def queue_build(*, seed: int, locations: int, days: int, volume: int, faults: str) -> Job:
    """Queue the building of the world and, after it, the past days."""
    return Job.objects.create(
        kind=BUILD,
        params={
            "seed": seed, "locations": locations, "days": days, "volume": volume, "faults": faults,
        },
    )  # fmt: skip


def queue_past(
    *, seed: int, first: date, last: date, volume: int, faults: str, day: date | None = None
) -> Job | None:
    """Queue the simulation of past days, one job after the other; None when there are none."""
    day = day or first
    if day > last:
        return None
    return Job.objects.create(
        kind=NIGHTS,
        params={
            "seed": seed, "first": first.isoformat(), "last": last.isoformat(),
            "day": day.isoformat(), "volume": volume, "faults": faults,
        },
    )  # fmt: skip


def queue_night(*, day: date, volume: int = nights.VOLUME) -> Job | None:
    """Queue the closing of a business day; None while other demo work is still open."""
    if open_jobs():
        return None
    return Job.objects.create(
        kind=NIGHT, params={"seed": world.seed(), "day": day.isoformat(), "volume": volume}
    )


def catch_up(*, volume: int, faults: str) -> Job | None:
    """Queue the days since the last simulated one, when the demo was off for a while."""
    before = nights.closed_through()
    yesterday = clock.now().date() - timedelta(days=1)
    if before is None or open_jobs():
        return None
    first = max(before + timedelta(days=1), yesterday - timedelta(days=MOST_DAYS_TO_CATCH_UP - 1))
    return queue_past(seed=world.seed(), first=first, last=yesterday, volume=volume, faults=faults)


@jobs.kind(BUILD)
def build(progress: jobs.Progress) -> str:
    params = progress.params
    message = _("Retailers move in")
    told_at = float("-inf")

    def report(done: int, total: int) -> None:
        nonlocal told_at
        # Pages ask every two seconds; telling after each of 2,000 steps would be work too.
        if time.monotonic() - told_at >= TELL_EVERY_SECONDS or done == total:
            progress.report(done, total, message)
            told_at = time.monotonic()

    world.build(
        seed=params["seed"], locations=params["locations"], report=report,
        pause_seconds=PAUSE_SECONDS,
    )  # fmt: skip
    yesterday = clock.now().date() - timedelta(days=1)
    if nights.closed_through() is None and not Job.objects.filter(kind=NIGHTS).exists():
        queue_past(
            seed=params["seed"], first=yesterday - timedelta(days=params["days"] - 1),
            last=yesterday, volume=params["volume"], faults=params["faults"],
        )  # fmt: skip
    return _("%(count)s locations are open") % {"count": params["locations"]}


@jobs.kind(NIGHTS)
def past_night(progress: jobs.Progress) -> str:
    params = progress.params
    first, last, day = (date.fromisoformat(params[name]) for name in ("first", "last", "day"))
    _simulate(
        progress, day,
        plan=plan_of(params["faults"], seed=params["seed"], first=first, last=last),
    )  # fmt: skip
    after = day + timedelta(days=1)
    if not Job.objects.filter(kind=NIGHTS, pk__gt=progress.job.pk).exists():
        queue_past(
            seed=params["seed"], first=first, last=last, day=after, volume=params["volume"],
            faults=params["faults"],
        )  # fmt: skip
    return _("%(day)s is closed") % {"day": day}


@jobs.kind(NIGHT)
def tonight(progress: jobs.Progress) -> str:
    """Close a business day and move the demo's clock to the morning after."""
    day = date.fromisoformat(progress.params["day"])
    _simulate(
        progress, day,
        plan=nights.default_plan(seed=progress.params["seed"], first=day, last=day),
    )  # fmt: skip
    if clock.now().date() <= day:
        clock.move_ahead(1)
    return _("%(day)s is closed, and it is the next morning") % {"day": day}


def _simulate(progress: jobs.Progress, day: date, *, plan: Plan) -> dict[str, Any]:
    truth = nights.simulate(
        days=1, seed=progress.params["seed"], until=day, volume=progress.params["volume"],
        plan=plan, to=feeds_folder(), report=progress.report, resume=progress.job.attempts > 1,
    )  # fmt: skip
    payment_tasks.collect_feeds()
    return truth
