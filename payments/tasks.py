"""Tasks of the night: each loads, makes one call, and can be run by hand as a command."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from payments import reconciliation, settlement
from payments.models import Delivery
from wallets import feeds
from wallets.models import Feed

logger = logging.getLogger(__name__)


@shared_task
def reconcile_feed(*, feed_id: int, **_: Any) -> None:
    """Reconcile every file of a feed that waits, in the order of arrival."""
    reconciliation.run_feed(feed_id, now=timezone.now())


def collect_feeds() -> None:
    """Take in whatever new files the partners have left."""
    for feed in Feed.objects.filter(active=True).exclude(place="").order_by("pk"):
        seen = set(Delivery.objects.filter(feed=feed).values_list("name", flat=True))
        try:
            for arrival in feeds.collect(feed, seen=seen):
                _take_in(feed, arrival)
        except OSError:
            logger.exception("the folder of feed %s could not be read", feed.code)


def _take_in(feed: Feed, arrival: feeds.Arrival) -> None:
    """Receive one file; whatever goes wrong with it, the others must not wait for it.

    It lies where it lay and is tried again with the next tick.
    """
    try:
        settlement.receive(feed=feed, name=arrival.name, path=arrival.path, now=timezone.now())
    except Exception:
        logger.exception("%r of feed %s could not be taken in", arrival.name, feed.code)
