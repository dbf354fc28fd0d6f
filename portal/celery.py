"""The Celery app, its schedule, and the worker's own look at the database.

The database says what is due; a message is only a hint. Beat sends one tick a minute,
and every worker asks the database once a second, so a lost message costs a second.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("onestile")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "tick": {"task": "portal.tasks.tick", "schedule": 60.0, "options": {"expires": 50}},
}

_stopped = threading.Event()


@worker_ready.connect
def _ask_the_database(**_: Any) -> None:
    from portal import duty

    _stopped.clear()
    threading.Thread(target=duty.ask_until, args=(_stopped,), name="duty", daemon=True).start()


@worker_shutting_down.connect
def _stop_asking(**_: Any) -> None:
    _stopped.set()
