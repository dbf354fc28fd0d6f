"""Checks of what was agreed with the wallets, before a night finds out.

``manage.py check`` looks at the layouts; ``manage.py check --database default`` also at the
rows: feeds, coverage and tariffs. Rows are warned of, never refused: ``migrate`` runs the same
checks, and an agreement that is not whole must not hold up an upgrade.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import OperationalError, ProgrammingError
from django.db.models import Q
from django.utils import timezone

from wallets import formats
from wallets.models import Feed, Tariff, Wallet, WalletCountry

LAYOUT_OFFERS = ("identify", "read")


@register
def layouts_can_be_used(**_: Any) -> list[CheckMessage]:
    """Every layout in the list is a module that reads and names files."""
    found: list[CheckMessage] = []
    for name in (*formats.LAYOUTS, *formats.BANK_LAYOUTS):
        try:
            module = formats.get(name)
        except ImportError as error:
            missing = f"cannot be imported: {error}"
        else:
            lacks = [offer for offer in LAYOUT_OFFERS if not hasattr(module, offer)]
            missing = f"has no {', '.join(lacks)}" if lacks else ""
        if missing:
            found.append(
                Error(
                    f"The settlement layout {name} {missing}.",
                    hint="See wallets/formats/__init__.py for what a layout offers.",
                    id="wallets.E001",
                )
            )
    return found


@register(Tags.database)
def agreements_are_whole(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Feeds have a layout, settling wallets a feed, and every covered sale its tariffs."""
    if not databases or "default" not in databases:
        return []
    try:
        return [*_feeds(), *_settling(), *tariff_gaps(today=timezone.now().date())]
    except (OperationalError, ProgrammingError):
        # ``migrate`` checks before it makes the tables and columns that are asked here.
        return []


def _feeds() -> list[CheckMessage]:
    return [
        Warning(
            f"The feed {feed.code} wants the layout {feed.format}, which there is not.",
            hint=f"Choose one of {', '.join(sorted(formats.LAYOUTS))}.",
            id="wallets.W002",
        )
        for feed in Feed.objects.order_by("code")
        if feed.format not in formats.LAYOUTS
    ]


def _settling() -> list[CheckMessage]:
    settling = Wallet.objects.filter(
        pk__in=WalletCountry.objects.filter(wallet__active=True).values("settled_by")
    )
    return [
        Warning(
            f"{wallet.code} settles payments but has no feed.",
            hint="No payment can be accepted that would settle there. Add its feed.",
            id="wallets.W003",
        )
        for wallet in settling.filter(feed=None).order_by("code")
    ]


def tariff_gaps(*, today: date) -> list[CheckMessage]:
    """Return a warning for each tariff that is missing today or has a hole ahead.

    An issuer needs interchange in the currency it settles in, a hub its own part, and an
    acquirer a service charge in the currency of every country.
    """
    needed: set[tuple[str, str, str]] = set()
    covered = WalletCountry.objects.filter(wallet__active=True, wallet__issues=True)
    for row in covered.select_related("wallet", "settled_by"):
        settled_in = row.settled_by.settlement_currency or row.currency
        needed.add((row.wallet.code, Tariff.Kind.INTERCHANGE, settled_in))
        if row.settled_by_id != row.wallet_id:
            needed.add((row.settled_by.code, Tariff.Kind.HUB, settled_in))
    acquirers = Wallet.objects.filter(active=True, acquires=True).values_list("code", flat=True)
    currencies = {row.currency for row in covered}
    needed |= {(code, Tariff.Kind.MSC, money) for code in acquirers for money in currencies}

    periods: dict[tuple[str, str, str], list[tuple[date, date | None]]] = defaultdict(list)
    tariffs = Tariff.objects.filter(Q(valid_to=None) | Q(valid_to__gte=today))
    for code, kind, currency, start, end in tariffs.order_by("valid_from").values_list(
        "wallet__code", "kind", "currency", "valid_from", "valid_to"
    ):
        periods[code, kind, currency].append((start, end))
    found: list[CheckMessage] = []
    for key in sorted(needed):
        gap = _first_gap(periods[key], today)
        if gap is not None:
            code, kind, currency = key
            found.append(
                Warning(
                    f"{code} has no {kind} tariff in {currency} on {gap.isoformat()}.",
                    hint="Payments of that day will be refused with tariff_missing.",
                    id="wallets.W001",
                )
            )
    return found


def _first_gap(periods: list[tuple[date, date | None]], today: date) -> date | None:
    """Return the first day from today on that no period covers and a later one follows.

    A tariff that simply ends has its gap on the day after its end.
    """
    day = today
    for start, end in periods:
        if start > day:
            return day
        if end is None:
            return None
        day = max(day, end + timedelta(days=1))
    return day
