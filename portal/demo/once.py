"""The demo without serving: simulate, let the worker reconcile, leave the results in a folder."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from merchants import printing, stickers
from merchants.models import Merchant, Sticker
from payments import exports
from payments.models import Delivery, Payment, Run, SettlementFile
from portal import tasks
from portal.core.models import Job, User
from portal.demo import nights, people, work, world
from portal.serve import Embedded
from wallets import partners
from wallets.models import Feed, Wallet

NOBODY_WORKS_SECONDS = 60
NOTHING_MOVES_SECONDS = 600
TICK_AGAIN_SECONDS = 5
ASK_SECONDS = 0.2
MOST_STICKERS = 120


class CannotRun(Exception):
    """The run cannot be done; the message says what to change."""


def database_is_empty() -> bool:
    """Tell whether nobody has used the database yet; it may be migrated."""
    tables = set(connection.introspection.table_names())
    return not any(
        model._meta.db_table in tables and model.objects.exists()
        for model in (User, Wallet, Merchant, Payment, SettlementFile)
    )


def run(
    *, out: Path, seed: int, days: int, volume: int, locations: int, faults: str
) -> dict[str, Any]:
    """Run the whole demo once on an empty, migrated database; return the summary.

    Leaves recon/, stickers.pdf, truth.json and summary.json in ``out``. Raises CannotRun,
    CannotSimulate or BadPlan.
    """
    started = time.monotonic()
    feeds = out / "feeds"
    partners.set_up(places=feeds)
    world.build(seed=seed, locations=max(locations, world.LEAST_LOCATIONS))
    people.set_up()
    first = nights.UNTIL - timedelta(days=days - 1)
    nights.simulate(
        days=days, seed=seed, volume=volume, to=feeds,
        plan=work.plan_of(faults, seed=seed, first=first, last=nights.UNTIL),
    )  # fmt: skip
    (feeds / "truth.json").replace(out / "truth.json")
    _let_the_worker_reconcile(feeds)
    _leave_reports(out / "recon")
    _leave_stickers(out / "stickers.pdf")
    summary = {**_summary(days), "seconds": round(time.monotonic() - started, 1)}
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return summary


# --- waiting


def _let_the_worker_reconcile(feeds: Path) -> None:
    embedded = None if settings.REDIS_URL else Embedded()
    if embedded:
        embedded.start()
    try:
        _wait(feeds, embedded)
    finally:
        if embedded:
            embedded.stop()


def _wait(feeds: Path, embedded: Embedded | None) -> None:
    """Send ticks and watch the rows until nothing is due any more."""
    sent_at = float("-inf")
    moved_at = begun_at = time.monotonic()
    before = first = _position()
    while True:
        if _all_is_delivered(feeds) and _nothing_is_open():
            return
        if embedded and not embedded.is_alive():
            raise CannotRun("The worker inside this process stopped; its last words are above.")
        now = time.monotonic()
        if now - sent_at > TICK_AGAIN_SECONDS:
            tasks.tick.apply_async()
            sent_at = now
        position = _position()
        if position != before:
            before, moved_at = position, now
        elif position == first and now - begun_at > NOBODY_WORKS_SECONDS:
            raise CannotRun(
                f"No Celery worker took any work within {NOBODY_WORKS_SECONDS} s. Start one on "
                "the same DATABASE_URL and REDIS_URL: celery -A portal worker."
            )
        elif now - moved_at > NOTHING_MOVES_SECONDS:
            raise CannotRun(f"Nothing has moved for {NOTHING_MOVES_SECONDS} s; {position}.")
        time.sleep(ASK_SECONDS)


def _position() -> dict[str, int]:
    """Return how far the work is; it changes with every step of a worker."""
    return {
        "deliveries": Delivery.objects.count(),
        "waiting files": _waiting().count(),
        "finished runs": Run.objects.exclude(state=Run.State.WRITING).count(),
        "links": Run.objects.count(),
    }


def _waiting() -> Any:
    return SettlementFile.objects.filter(state=SettlementFile.State.RECEIVED)


def _all_is_delivered(feeds: Path) -> bool:
    for feed in Feed.objects.filter(active=True):
        names = {path.name for path in (feeds / feed.code).glob(feed.pattern)}
        if names - set(Delivery.objects.filter(feed=feed).values_list("name", flat=True)):
            return False
    return True


def _nothing_is_open() -> bool:
    working = Job.objects.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])
    return not _waiting().exists() and not working.exists()


# --- results


def _leave_reports(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    finished = Run.objects.exclude(state=Run.State.WRITING).select_related("file")
    for run in finished.order_by("pk"):
        with exports.open_csv(run) as report, (folder / f"{run.file.name}.csv").open("wb") as kept:
            shutil.copyfileobj(report, kept)


def _leave_stickers(path: Path) -> None:
    first = Sticker.objects.select_related("location").order_by("location__code")[:MOST_STICKERS]
    path.write_bytes(printing.pdf(stickers.faces(first)))


def _summary(days: int) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    lines = 0
    for run in Run.objects.filter(state=Run.State.DONE):
        outcomes.update(run.outcomes)
        lines += run.lines
    states: Counter[str] = Counter(
        SettlementFile.objects.order_by("pk").values_list("state", flat=True)
    )
    states["resent"] = Delivery.objects.filter(result=Delivery.Result.RESENT).count()
    return {
        "nights": days,
        "payments": Payment.objects.count(),
        "files": {state: n for state, n in sorted(states.items()) if n},
        "lines": lines,
        "outcomes": dict(sorted(outcomes.items())),
    }
