"""Checks of what was agreed with the wallets, before a night finds out.

``manage.py check`` looks at the layouts; ``manage.py check --database default`` also at the
rows: feeds and when they are due, coverage and tariffs. Rows are warned of, never refused:
``migrate`` runs the same checks, and an agreement that is not whole must not hold up an upgrade.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import OperationalError, ProgrammingError
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.core import calendars
from wallets import formats
from wallets.models import COUNTRIES, Feed, Mapping, Tariff, Wallet, WalletCountry

LAYOUT_OFFERS = ("identify", "read")
MAPPED = "mapped"


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
        return [
            *_feeds(), *due_rules(), *wrappings(), *_settling(),
            *tariff_gaps(today=timezone.now().date()),
        ]  # fmt: skip
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


def due_rules() -> list[CheckMessage]:
    """Return warnings about active feeds of which it cannot be told when a file is due.

    And about minima: an amount that never counts, none where balances carry over, and
    currencies in which the same number of minor units would be another sum.
    """
    found: list[CheckMessage] = []
    currencies = _currencies()
    for feed in _active():
        wallet = feed.wallet
        try:
            feed.rule.check()
        except calendars.BadRule as error:
            found.append(
                _warning("004", f"The feed {feed.code}: {error}", "No file of it is ever due.")
            )
        try:
            calendars.zone(wallet.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            found.append(
                _warning(
                    "005", f"{wallet.code} lives in {wallet.timezone!r}, which is no time zone.",
                    "Write it like Europe/Oslo.",
                )
            )  # fmt: skip
        if feed.expected_by <= wallet.day_cutoff:
            found.append(
                _warning(
                    "006",
                    f"The feed {feed.code} is expected by {feed.expected_by:%H:%M}, but the "
                    f"business day only ends at {wallet.day_cutoff:%H:%M}.",
                    "Expect the file after the day it is about.",
                )
            )  # fmt: skip
        if problem := _minimum_problem(feed, currencies[wallet.pk]):
            found.append(_warning("007", f"The feed {feed.code} {problem}", "Correct the feed."))
    return found


def _minimum_problem(feed: Feed, currencies: set[str]) -> str:
    has_minimum = feed.minimum_minor > 0 or any(feed.minimum_by_currency.values())
    if feed.empty_file != Feed.Empty.CARRY:
        return "has a minimum payout, but no balance carries over." if has_minimum else ""
    if not has_minimum:
        return "carries balances over, but has no minimum payout."
    wallet = feed.wallet
    own = wallet.settlement_currency or COUNTRIES.get(wallet.home_country, ("", "", ""))[1]
    untold = sorted(currencies - {own} - feed.minimum_by_currency.keys())
    if not untold:
        return ""
    return f"does not say its minimum payout in {', '.join(untold)}."


def wrappings() -> list[CheckMessage]:
    """Return warnings about active feeds that lack what is needed to open or read their files."""
    found: list[CheckMessage] = []
    for feed in _active():
        wrong = [
            (
                feed.format == MAPPED and feed.mapping is None,
                "is read by a mapping, but names none.",
            ),
            (
                feed.format == MAPPED
                and feed.mapping is not None
                and feed.mapping.state != Mapping.State.ON,
                f"is read by the mapping {feed.mapping}, which is not in use.",
            ),
            (
                feed.mapping is not None and feed.mapping.wallet_id != feed.wallet_id,
                f"is read by the mapping {feed.mapping} of another wallet.",
            ),
            (
                feed.place.startswith("sftp:") and not feed.host_key.strip(),
                "does not say which host key its server has, so that no server is trusted.",
            ),
            (
                feed.must_be_encrypted and not feed.pgp_key,
                "takes encrypted files only, but has no key of ours to open them.",
            ),
            (
                feed.must_be_signed and not feed.partner_key.strip(),
                "takes signed files only, but has no key of the partner's to check them.",
            ),
            (
                feed.after == Feed.After.MOVE and not feed.move_to.strip(),
                "moves what was taken, but does not say where to.",
            ),
            (
                feed.ready_when == Feed.Ready.MARKER and not feed.marker_suffix,
                "waits for a marker file, but does not say what it ends in.",
            ),
        ]
        found += [
            _warning("008", f"The feed {feed.code} {words}", "Correct the feed.")
            for is_wrong, words in wrong
            if is_wrong
        ]
    return found


def _active() -> QuerySet[Feed]:
    feeds = Feed.objects.filter(active=True).select_related("wallet", "mapping")
    return feeds.order_by("code")


def _currencies() -> dict[int, set[str]]:
    """Return the currencies that each settling wallet pays out in, by its id."""
    found: dict[int, set[str]] = defaultdict(set)
    for row in WalletCountry.objects.filter(wallet__active=True).select_related("settled_by"):
        found[row.settled_by_id].add(row.settled_by.settlement_currency or row.currency)
    return found


def _warning(number: str, words: str, hint: str) -> CheckMessage:
    return Warning(words, hint=hint, id=f"wallets.W{number}")


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
