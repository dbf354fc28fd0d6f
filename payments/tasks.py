"""Tasks of the night: each loads, makes one call, and can be run by hand as a command."""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import shared_task
from django.db import connections
from django.utils import timezone

from payments import collecting, reconciliation
from wallets.models import Feed

logger = logging.getLogger(__name__)

WAIT_SECONDS = 5.0


@shared_task
def reconcile_feed(*, feed_id: int, **_: Any) -> None:
    """Reconcile every file of a feed that waits, in the order of arrival."""
    reconciliation.run_feed(feed_id, now=timezone.now())


@shared_task
def collect_feed(*, feed_id: int, **_: Any) -> None:
    """Look at the place of one feed, and wait for some seconds only.

    A server that hangs is waited for in a thread of its own, under the feed's lease; the worker,
    which may be the only one, goes on with other feeds.
    """
    thread = threading.Thread(
        target=_collect, args=(feed_id,), name=f"collect-{feed_id}", daemon=True
    )
    thread.start()
    thread.join(WAIT_SECONDS)


def _collect(feed_id: int) -> None:
    try:
        collecting.collect(feed_id, now=timezone.now(), only_due=True)
    except Exception:
        logger.exception("feed %s could not be looked at", feed_id)
    finally:
        connections.close_all()


def collect_feeds() -> None:
    """Look at the places of all feeds, one after the other, and wait for each."""
    for feed_id in Feed.objects.filter(active=True).exclude(place="").values_list("pk", flat=True):
        collecting.collect(feed_id, now=timezone.now())
