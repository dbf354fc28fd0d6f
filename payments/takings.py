"""What a shop took: the payments of a day, and money by wallet with when it is expected.

Reads only. A merchant's figures go by the wallet's business date, as the settlements do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, Q, QuerySet, Sum

from merchants.models import Location, Merchant
from payments.models import LedgerEntry, Payment
from portal.core import calendars
from portal.core.paging import Page
from wallets.models import COUNTRIES, Wallet

PAYMENTS_ON_A_PAGE = 50
DAYS_DRAWN = 14


def zone_of(country: str) -> str:
    """Return the time zone a shop of a country lives in."""
    return COUNTRIES[country][2] if country in COUNTRIES else "UTC"


@dataclass(frozen=True)
class Day:
    """The sums of a location's day, in its currency, in minor units."""

    payments: int
    taken_minor: int
    refunds: int
    given_back_minor: int
    last: Payment | None

    @property
    def left_minor(self) -> int:
        return self.taken_minor - self.given_back_minor


def bounds_of_today(location: Location, now: datetime) -> tuple[datetime, datetime]:
    """Return the half-open day of a shop by its own clocks, in UTC."""
    zone = zone_of(location.country)
    return calendars.day_bounds(now.astimezone(calendars.zone(zone)).date(), zone)


def day_of(location: Location, *, start: datetime, end: datetime) -> Day:
    """Return what a location took and gave back between two instants. Three questions."""
    taken = _payments(location, start, end)
    sums = taken.aggregate(n=Count("pk"), minor=Sum("price_minor"))
    # The index of the ledger is by merchant and business date, which is a day off at most.
    around = (start.date() - calendars.DAY, end.date() + calendars.DAY)
    back = LedgerEntry.objects.filter(
        merchant=location.merchant_id, location=location, kind=LedgerEntry.Kind.REFUND,
        business_date__range=around, occurred_at__gte=start, occurred_at__lt=end,
    ).aggregate(n=Count("pk"), minor=Sum("gross_minor"))  # fmt: skip
    last = taken.select_related("issuer").order_by("-occurred_at", "-pk").first()
    return Day(sums["n"], sums["minor"] or 0, back["n"], -(back["minor"] or 0), last)


def _payments(location: Location, start: datetime, end: datetime) -> QuerySet[Payment]:
    return Payment.objects.filter(
        location=location, occurred_at__gte=start, occurred_at__lt=end
    ).exclude(state=Payment.State.CANCELLED)


def payments_of_day(
    location: Location, *, start: datetime, end: datetime, before: str | None
) -> Page[Payment]:
    """Return the payments of a day, the last first; ``before`` is the key of the last page.

    The key is the instant in microseconds and the payment's id, ``1760443200000000-17``.
    """
    rows = _payments(location, start, end).select_related("issuer")
    if key := _read_key(before):
        instant, pk = key
        rows = rows.filter(Q(occurred_at__lt=instant) | Q(occurred_at=instant, pk__lt=pk))
    found = list(rows.order_by("-occurred_at", "-pk")[: PAYMENTS_ON_A_PAGE + 1])
    more = len(found) > PAYMENTS_ON_A_PAGE
    found = found[:PAYMENTS_ON_A_PAGE]
    return Page(found, _write_key(found[-1]) if more else None)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _write_key(payment: Payment) -> str:
    return f"{(payment.occurred_at - _EPOCH) // _MICROSECOND}-{payment.pk}"


def _read_key(key: str | None) -> tuple[datetime, int] | None:
    micros, _dash, pk = (key or "").partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (micros, pk)):
        return None
    try:
        return _EPOCH + int(micros) * _MICROSECOND, int(pk)
    except OverflowError:
        return None


# --- my money


@dataclass
class Sums:
    """Money of some payments in one currency, in minor units; what is left is the net."""

    payments: int = 0
    taken_minor: int = 0
    given_back_minor: int = 0
    fee_minor: int = 0

    @property
    def net_minor(self) -> int:
        return self.taken_minor - self.given_back_minor - self.fee_minor

    def add(self, other: Sums) -> None:
        self.payments += other.payments
        self.taken_minor += other.taken_minor
        self.given_back_minor += other.given_back_minor
        self.fee_minor += other.fee_minor


@dataclass(frozen=True)
class Bar:
    """A day of the chart; ``height`` is per mille of the highest day."""

    day: date
    sums: Sums
    height: int
    is_today: bool


@dataclass
class Money:
    """The money of a merchant in one currency."""

    currency: str
    total: Sums = field(default_factory=Sums)
    by_wallet: dict[int, Sums] = field(default_factory=lambda: defaultdict(Sums))
    expected: dict[tuple[date, int], Sums] = field(default_factory=lambda: defaultdict(Sums))
    by_day: dict[date, Sums] = field(default_factory=lambda: defaultdict(Sums))
    wallets: list[tuple[Wallet, Sums]] = field(default_factory=list)
    expected_rows: list[tuple[date, Wallet, Sums]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)


def first_day(period: str, today: date) -> date:
    """Return the first day of a period that ends today: ``today``, ``week`` or ``month``."""
    if period == "week":
        return today - timedelta(days=today.weekday())
    if period == "month":
        return today.replace(day=1)
    return today


def money_of(merchants: Iterable[Merchant], *, today: date, since: date) -> list[Money]:
    """Return the money of merchants by currency, since a day and for the chart's days.

    Expected is what is still to come: everything whose settlement is due after today.
    Three questions.
    """
    ids = [merchant.pk for merchant in merchants]
    drawn = today - timedelta(days=DAYS_DRAWN - 1)
    # Nothing older than the longest schedule, a month, can still be due.
    oldest = min(since, drawn, today - timedelta(days=31))
    found: dict[str, Money] = {}

    def take(currency: str, wallet_id: int, day: date, due: date, *, sums: Sums) -> None:
        money = found.setdefault(currency, Money(currency))
        if day >= since:
            money.total.add(sums)
            money.by_wallet[wallet_id].add(sums)
        if day >= drawn:
            money.by_day[day].add(sums)
        if due > today:
            money.expected[due, wallet_id].add(sums)

    keys = ("currency", "issuer_id", "business_date", "due_on")
    for row in (
        Payment.objects.filter(merchant__in=ids, business_date__gte=oldest)
        .exclude(state=Payment.State.CANCELLED)
        .values(*keys)
        .order_by(*keys)
        .annotate(n=Count("pk"), taken=Sum("price_minor"), fee=Sum("merchant_fee_minor"))
    ):
        sums = Sums(payments=row["n"], taken_minor=row["taken"], fee_minor=row["fee"])
        take(*(row[key] for key in keys), sums=sums)
    keys = ("currency", "wallet_id", "business_date", "due_on")
    for row in (
        LedgerEntry.objects.filter(
            merchant__in=ids, business_date__gte=oldest, kind=LedgerEntry.Kind.REFUND
        )
        .values(*keys)
        .order_by(*keys)
        .annotate(minor=Sum("gross_minor"))
    ):
        take(*(row[key] for key in keys), sums=Sums(given_back_minor=-row["minor"]))
    wallets = {wallet.pk: wallet for wallet in Wallet.objects.all()}
    for money in found.values():
        _arrange(money, wallets, drawn, today)
    return [found[currency] for currency in sorted(found)]


def _arrange(money: Money, wallets: dict[int, Wallet], drawn: date, today: date) -> None:
    money.wallets = sorted(
        ((wallets[pk], sums) for pk, sums in money.by_wallet.items()),
        key=lambda pair: (-pair[1].taken_minor, pair[0].name),
    )
    money.expected_rows = [
        (due, wallets[pk], sums)
        for (due, pk), sums in sorted(
            money.expected.items(), key=lambda item: (item[0][0], wallets[item[0][1]].name)
        )
    ]
    highest = max((sums.taken_minor for sums in money.by_day.values()), default=0)
    for day in calendars.days(drawn, today):
        sums = money.by_day.get(day, Sums())
        height = 1_000 * sums.taken_minor // highest if highest else 0
        money.bars.append(Bar(day, sums, height, day == today))
