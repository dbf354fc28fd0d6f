"""The embedded server: web, worker and beat in one process, unless REDIS_URL is set.

gunicorn runs one web process with threads. In it a Celery worker (one task at a time, over
the in-memory broker) and beat run as daemon threads. The queue dies with the process, and
may: every piece of work is a row that the worker asks the database for.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Any

from celery import beat, signals
from celery.worker import WorkController, state
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from gunicorn.app.base import BaseApplication

from portal.celery import app as celery_app

logger = logging.getLogger(__name__)

STOP_SECONDS = 10
WEB_THREADS = 8


class _Worker(WorkController):
    def on_consumer_ready(self, consumer: Any) -> None:
        signals.worker_ready.send(sender=consumer)


class Embedded:
    """A Celery worker and beat as threads of this process."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._beat: beat.Service | None = None

    def start(self) -> None:
        # A night keeps the interpreter busy. A request gives it up dozens of times, and would
        # wait for it 5 ms each time.
        sys.setswitchinterval(0.0005)
        state.should_stop = None
        state.should_terminate = None
        # The scheduler in memory: a tick a minute needs no file to remember it by. It looks
        # up every second, so that it can be stopped.
        self._beat = beat.Service(app=celery_app, max_interval=1, scheduler_cls=beat.Scheduler)
        for name, run in (("worker", self._work), ("beat", self._beat.start)):
            thread = threading.Thread(target=run, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        # Signals are for the main thread, which is gunicorn's; so no celery.apps.worker here.
        worker = _Worker(
            app=celery_app, hostname="embedded", pool_cls="solo", concurrency=1,
            without_mingle=True, without_gossip=True, without_heartbeat=True,
        )  # fmt: skip
        worker.start()

    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Let the task at hand finish, for some seconds, and stop both threads."""
        signals.worker_shutting_down.send(sender="embedded", sig="TERM", how="Warm", exitcode=0)
        setattr(state, "should_stop", 0)  # noqa: B010  (its type is told by its first value)
        if self._beat is not None:
            self._beat.stop()
        for thread in self._threads:
            thread.join(STOP_SECONDS)
        self._threads.clear()


_embedded = Embedded()


def _start_embedded(_worker: Any) -> None:
    _embedded.start()


def _stop_embedded(_server: Any, _worker: Any) -> None:
    _embedded.stop()


class Server(BaseApplication):
    """gunicorn with this project's application and the embedded worker's hooks."""

    def __init__(self, *, bind: str, processes: int, threads: int = WEB_THREADS) -> None:
        self._options: dict[str, Any] = {
            "bind": bind,
            "workers": processes,
            "threads": threads,
            "worker_class": "gthread",
            "timeout": 120,
            "graceful_timeout": STOP_SECONDS,
            "keepalive": 5,
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,  # noqa: S108
            "proc_name": "onestile",
            "control_socket_disable": True,
        }
        if not settings.REDIS_URL:
            self._options |= {
                "workers": 1,
                "post_worker_init": _start_embedded,
                "worker_exit": _stop_embedded,
            }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        return get_wsgi_application()


def serve(*, bind: str, processes: int = 1) -> None:
    """Serve until told to stop. More than one process only goes with REDIS_URL."""
    Server(bind=bind, processes=processes).run()
