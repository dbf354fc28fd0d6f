"""Collect what partners left: one look at one place, under a lease, whatever happens there.

Everything may be repeated: a file is taken when its delivery is committed, and moved away only
then, so a look that is killed anywhere is simply made again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from payments import settlement
from payments.models import Delivery
from portal.core import leases
from portal.core.secrets import CannotDecrypt
from wallets import feeds, openpgp, places, wrapping
from wallets.models import Feed

logger = logging.getLogger(__name__)

LEASE_SECONDS = 120
RENEW_SECONDS = 20.0
MOST_SIGNATURE_BYTES = 1 << 20


@dataclass
class Look:
    """What came of one look: the deliveries taken in, and what went wrong, in words."""

    taken: list[Delivery] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def lease_name(feed_id: int) -> str:
    return f"collect:{feed_id}"


def due(*, now: datetime) -> list[int]:
    """Return the ids of feeds whose places are to be looked at and that nobody looks at."""
    feed_ids = list(feeds.due(now=now).values_list("pk", flat=True))
    held = leases.busy([lease_name(pk) for pk in feed_ids], now=now)
    return [pk for pk in feed_ids if lease_name(pk) not in held]


def collect(feed_id: int, *, now: datetime, only_due: bool = False) -> Look | None:
    """Take in what is new at a feed's place; None while another worker does.

    With ``only_due`` also None when somebody looked less than a minute ago: hints come twice.
    """
    claim = leases.acquire(lease_name(feed_id), seconds=LEASE_SECONDS, now=now)
    if claim is None:
        return None
    try:
        if only_due and not feeds.due(now=now).filter(pk=feed_id).exists():
            return None
        feed = Feed.objects.select_related("wallet", "mapping").get(pk=feed_id)
        settlement.sweep_work()
        look = _look(feed, claim, now=now)
    except leases.LeaseLost:
        logger.warning("looking at feed %s was taken over by another worker", feed_id)
        return None
    finally:
        claim.release()
    if look.wrong:
        feeds.failed(feed, " ".join(look.wrong), now=now)
    else:
        feeds.reached(feed, now=now)
    return look


def _look(feed: Feed, claim: leases.Claim, *, now: datetime) -> Look:
    look = Look()
    try:
        with places.open_place(feed) as place:
            arrivals = feeds.look(feed, place, now=now, alive=_keep(claim))
            look.wrong += place.closed
            for arrival in arrivals:
                _take(feed, place, arrival, look, claim=claim, now=now)
    except places.Unreachable as error:
        look.wrong.append(str(error))
    except CannotDecrypt as error:
        # Ours to mend; the file waits where it lies.
        look.wrong.append(str(error))
    except leases.LeaseLost:
        raise
    except Exception as error:
        if feed.failing_since is None:
            logger.exception("the place of feed %s could not be looked at", feed.code)
        look.wrong.append(f"The place cannot be read ({type(error).__name__}).")
    return look


def _take(
    feed: Feed,
    place: places.Place,
    arrival: feeds.Arrival,
    look: Look,
    *,
    claim: leases.Claim,
    now: datetime,
) -> None:
    """Take one file in and move it away; whatever goes wrong with it, the others go on.

    It lies where it lay and is tried again with the next look.
    """
    try:
        if not arrival.was_taken:
            if not _take_in(feed, place, arrival, look, alive=_keep(claim), now=now):
                return
            feeds.taken(feed, arrival, now=now)
        if feed.after == Feed.After.MOVE and feed.move_to:
            # The marker first: left alone it would declare the next file of its name whole.
            beside = [one.name for one in (arrival.marker, arrival.signature) if one]
            for name in (*beside, arrival.found.name):
                place.move(name, feed.move_to)
    except settlement.StillGrowing:
        logger.info("%s of feed %s is still growing", arrival.shown, feed.code)
    except places.Declined as error:
        look.wrong.append(str(error))
    except (places.Unreachable, leases.LeaseLost, CannotDecrypt):
        raise
    except Exception as error:
        if feed.failing_since is None:
            logger.exception("%s of feed %s could not be taken in", arrival.shown, feed.code)
        what = f"{type(error).__name__}: {places.said(error)}"
        look.wrong.append(f"{arrival.shown} could not be taken in ({what}).")


def _take_in(
    feed: Feed,
    place: places.Place,
    arrival: feeds.Arrival,
    look: Look,
    *,
    alive: Callable[[], None],
    now: datetime,
) -> bool:
    """Fetch a file and have it taken in; False when it is not to be moved away either."""
    with settlement.work_folder() as folder:
        path = place.get(arrival.found, folder / "file", alive=alive)
        if _is_lone_signature(arrival, path):
            return False
        signature = None
        if arrival.signature is not None and arrival.signature.size <= MOST_SIGNATURE_BYTES:
            signature = place.get(arrival.signature, folder / "signature", alive=alive)
        alive()
        before = set(
            Delivery.objects.filter(feed=feed, name__startswith=arrival.shown[:200]).values_list(
                "pk", flat=True
            )
        )
        deliveries = settlement.take_in(
            feed=feed, name=arrival.found.name, path=path, now=now, signature=signature,
            # A server that makes files as they are read says nothing of their size.
            size=arrival.found.size or None,
        )  # fmt: skip
        look.taken += [delivery for delivery in deliveries if delivery.pk not in before]
    return True


def _is_lone_signature(arrival: feeds.Arrival, path: Path) -> bool:
    """Tell whether this is the signature of a file that is not here yet."""
    if not arrival.found.name.endswith(wrapping.SIGNATURE_SUFFIXES):
        return False
    with suppress(OSError), path.open("rb") as file:
        return openpgp.kind(file.read(wrapping.HEAD_BYTES)) == openpgp.SIGNATURE
    return False


def _keep(claim: leases.Claim) -> Callable[[], None]:
    """Return a function that renews the lease when some time has gone by."""
    renewed = time.monotonic()

    def alive() -> None:
        nonlocal renewed
        if time.monotonic() - renewed > RENEW_SECONDS:
            claim.hold()
            renewed = time.monotonic()

    return alive
