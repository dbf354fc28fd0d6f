"""What is due now, read from rows, and handed to the workers as hints."""

from __future__ import annotations

import logging
import threading
import time

from django.db import DatabaseError, close_old_connections
from kombu.exceptions import OperationalError

from portal import tasks

logger = logging.getLogger(__name__)

ASK_EVERY_SECONDS = 1.0
HINT_AGAIN_SECONDS = 5.0


def ask_until(stopped: threading.Event) -> None:
    """Ask once a second until told to stop; hint again only after some seconds.

    A database that is not there yet, or not migrated yet, is waited for.
    """
    hinted: dict[tuple[object, ...], float] = {}
    while not stopped.wait(ASK_EVERY_SECONDS):
        try:
            for task, kwargs in tasks.due():
                key = (task.name, *kwargs.values())
                if time.monotonic() - hinted.get(key, -HINT_AGAIN_SECONDS) < HINT_AGAIN_SECONDS:
                    continue
                hinted[key] = time.monotonic()
                task.apply_async(kwargs=kwargs)
        except (DatabaseError, OperationalError) as error:
            logger.info("nothing could be asked or sent: %s", type(error).__name__)
        finally:
            close_old_connections()
