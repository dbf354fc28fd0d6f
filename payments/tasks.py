"""Tasks of the night: each loads, makes one call, and can be run by hand as a command."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from django.db import DatabaseError
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
        for arrival in feeds.collect(feed, seen=seen):
            try:
                settlement.receive(
                    feed=feed, name=arrival.name, path=arrival.path, now=timezone.now()
                )
            except (OSError, DatabaseError):
                # It lies where it lay and is tried again with the next tick; the files of
                # other partners must not wait for it.
                logger.exception("%s of feed %s could not be taken in", arrival.name, feed.code)
