"""The simulator: payments of some days, the partners' files about them, and the truth.

Every id, code and time comes from the seed and the dates. The payments go through
``acceptance.accept_many``; what a partner then writes is read from the ledger entries just
stored, never from a reconciliation. Faults are planted on the way into the file, and what
the reconciliation has to find is written down as they are planted.
"""

from __future__ import annotations

import json
import uuid
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from hashlib import sha256
from itertools import accumulate, islice
from pathlib import Path
from random import Random
from sys import intern
from types import ModuleType
from typing import Any

from django.db.models import Max, OuterRef, Subquery
from django.utils.translation import gettext as _

from merchants import enrolment
from merchants.models import Enrolment, Location, Sticker
from payments import acceptance, settlement
from payments.models import LedgerEntry
from portal.core import calendars, money
from portal.demo import faults, world
from portal.demo.faults import Plan
from portal.models import DemoPartner
from wallets import formats
from wallets.formats.statement import NOT_A_PAYMENT, REFUND, SALE, Batch, Line, Sheet
from wallets.models import COUNTRIES, Feed, Wallet

UNTIL = date(2026, 10, 15)
VOLUME = 2_000

SHARES = {
    "vipps": 24, "epassi": 15, "alipay": 15, "bluecode": 14, "pivo": 14, "momo": 9, "pagaqui": 9,
}  # fmt: skip
OTHER_SHARE = 6
"""How the payments of a day spread over the wallets; an unlisted wallet has the last."""

HOME_PERCENT = 65
REFUND_PERCENT = 3
KEPT_FOR_LATER = 12

STRANGE_NUMBERS = 9_000_000
NO_LOCATIONS = 900_000
"""Payments and locations of the demo have lower running numbers than these."""

# Euro per unit, in millionths, and how a euro price is told in the shop's currency.
_EURO_MILLIONTHS = {"SEK": 87_600, "DKK": 134_000, "NOK": 85_300, "ISK": 6_900}
_PRICE_FACTORS = {"EUR": (1, 1, 5), "SEK": (11, 1, 100), "DKK": (7, 1, 50), "NOK": (11, 1, 100),
                  "ISK": (29, 20, 10)}  # fmt: skip
# What another currency with as many decimals would be mistaken for.
_MISTAKEN = {"EUR": "SEK", "SEK": "NOK", "NOK": "SEK", "DKK": "NOK"}

_AWKWARD = (
    "Tisch 4, Fenster", 'Order "7"', "a;b;c", "=1+1", "Crème brûlée", "Kaffee ☕ 12",
    "Smørrebrød", "@bar", "-5 kr", "+358", "Ñandú|9", "O'Hara & søn",
)  # fmt: skip

Report = Callable[[int, int, str], None]


class CannotSimulate(Exception):
    """Nights that cannot be simulated; the message says what to change."""


@dataclass(frozen=True)
class Shop:
    pk: int
    country: str
    currency: str
    mcc: str
    sticker_id: int | None


@dataclass(frozen=True)
class Entry:
    """A stored ledger entry as the partner who writes about it knows it."""

    pk: int
    wallet: str
    kind: str
    ref: str
    merchant_ref: str
    store: str
    currency: str
    gross: int
    settled_currency: str
    settled: int
    rate: str
    fee: int
    occurred_at: datetime
    original_ref: str


@dataclass
class Row:
    """A line on its way into a file, and what the reconciliation has to make of it."""

    line: Line
    outcome: str
    entry_id: int = 0


@dataclass
class Night:
    """Everything about one file before it is written."""

    feed: Feed
    layout: ModuleType
    number: int
    first: date
    last: date
    due: date
    rows: list[Row] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    held: list[int] = field(default_factory=list)


def simulate(
    *,
    days: int,
    seed: int,
    until: date = UNTIL,
    volume: int = VOLUME,
    plan: Plan | None = None,
    to: Path,
    report: Report = lambda done, total, message: None,
    resume: bool = False,
) -> dict[str, Any]:
    """Simulate business days up to ``until``; return the truth about the files written.

    Files go to ``<to>/<wallet code>/``. ``<to>/truth.json`` is extended by what is
    returned. ``plan`` None plants the default faults. A further call goes on where the
    last one stopped; days that were simulated before are refused, unless ``resume`` says
    that a call was interrupted: then only what it left undone is done.
    ``report(done, total, message)`` is called between the steps. Raises CannotSimulate.
    """
    return _Simulation(
        days=days, seed=seed, until=until, volume=volume, plan=plan, to=to, report=report,
        resume=resume,
    ).run()  # fmt: skip


def layouts() -> dict[str, str]:
    """Return the layout of each active feed, by wallet code."""
    feeds = Feed.objects.filter(active=True).select_related("wallet")
    return {feed.wallet.code: feed.format for feed in feeds.order_by("wallet__code")}


def default_plan(*, seed: int, first: date, last: date) -> Plan:
    feeds = Feed.objects.filter(active=True).select_related("wallet").order_by("wallet__code")
    return faults.default(
        seed=seed,
        layouts={feed.wallet.code: feed.format for feed in feeds if faults.daily(feed.schedule)},
        nights=list(calendars.days(first, last)),
    )


def closed_through() -> date | None:
    """Return the last business date that has been simulated, or None."""
    found: date | None = DemoPartner.objects.aggregate(last=Max("closed_through"))["last"]
    return found


class _Simulation:
    def __init__(
        self, *, days: int, seed: int, until: date, volume: int, plan: Plan | None, to: Path,
        report: Report, resume: bool,
    ) -> None:  # fmt: skip
        if days < 1 or volume < 0:
            raise CannotSimulate(_("Simulate at least one day, and no negative volume."))
        self.first, self.last = until - timedelta(days=days - 1), until
        before = closed_through()
        if before is not None and before >= self.first and not resume:
            raise CannotSimulate(
                _("The days up to %(day)s have been simulated before: go on after them, or "
                  "begin with an empty database.") % {"day": before}
            )  # fmt: skip
        self.seed, self.volume, self.to, self.report = seed, volume, to, report
        self.plan = plan or default_plan(seed=seed, first=self.first, last=self.last)
        self.feeds = list(
            Feed.objects.filter(active=True).select_related("wallet").order_by("wallet__code")
        )
        self.wallets = list(Wallet.objects.filter(active=True, issues=True).order_by("code"))
        self.codes = {wallet.pk: wallet.code for wallet in Wallet.objects.all()}
        self.follow_ups: dict[int, list[tuple[Night, int]]] = defaultdict(list)
        self.deliveries: list[dict[str, Any]] = []
        self.resume = resume

    def run(self) -> dict[str, Any]:
        crowd = _Crowd(self.seed, self.wallets, resume=self.resume)
        days = list(calendars.days(self.first, self.last))
        total = len(days) * (len(self.wallets) + len(self.feeds))
        done = 0
        for day in days:
            for wallet, count in crowd.shares(self.volume):
                message = _("Payments of %(day)s: %(who)s") % {"day": day, "who": wallet.name}
                crowd.pay(
                    wallet, day, count=count, alive=partial(self.report, done, total, message)
                )
                done += 1
            for feed in self.feeds:
                self.report(
                    done, total,
                    _("Files about %(day)s: %(who)s") % {"day": day, "who": feed.wallet.name},
                )  # fmt: skip
                self._close(feed, day)
                done += 1
        truth = {"deliveries": self.deliveries}
        _extend_truth(self.to / "truth.json", truth)
        self.report(total, total, "")
        return truth

    # --- one feed, one day

    def _close(self, feed: Feed, day: date) -> None:
        """Close a feed's business day: write what is due the day after."""
        partner, _created = DemoPartner.objects.get_or_create(feed=feed)
        if partner.closed_through is not None and partner.closed_through >= day:
            return
        due = day + calendars.DAY
        for night, version in self.follow_ups.pop(feed.pk, []):
            self._deliver(night, arrival=due, version=version)
        if not calendars.due_dates(due, due, feed.rule):
            return
        night = self._night(feed, partner, due)
        partner.closed_through = day
        if self._is_sent(feed, night):
            partner.number, partner.carried_from = night.number, None
            self._send(night, partner)
        else:
            if night.rows:
                partner.carried_from = night.first
            self._put_off(night)
        partner.save()

    def _night(self, feed: Feed, partner: DemoPartner, due: date) -> Night:
        first, last = calendars.period_due(due, feed.rule)
        if partner.closed_through is not None:
            # Nothing between two files is left out, even if days were not simulated.
            first = min(first, partner.closed_through + calendars.DAY)
        if partner.carried_from is not None:
            first = min(first, partner.carried_from)
        if formats.room(feed.format).one_day and first < last:
            older = self._entries(feed, first, last - calendars.DAY, [])
            partner.held = [*partner.held, *sorted(entry.pk for entry in older)]
            first = last
        night = Night(
            feed=feed, layout=formats.get(feed.format), number=partner.number + 1,
            first=first, last=last, due=due,
        )  # fmt: skip
        entries = list(self._entries(feed, first, last, partner.held))
        entries.sort(key=lambda one: (one.occurred_at, one.wallet, one.kind, one.ref))
        night.rows = [Row(_line(feed, one), "matched", one.pk) for one in entries]
        if night.rows and formats.room(feed.format).other_movements:
            night.rows.append(Row(_service_fee(night), "not_a_payment"))
        return night

    def _entries(self, feed: Feed, first: date, last: date, held: list[int]) -> Iterator[Entry]:
        rows = LedgerEntry.objects.filter(
            feed=feed, business_date__gte=first, business_date__lte=last
        )
        for found in (rows, LedgerEntry.objects.filter(pk__in=held) if held else None):
            if found is None:
                continue
            for row in found.order_by().values_list(
                "pk", "wallet_id", "kind", "wallet_ref", "merchant_ref", "store_ref", "currency",
                "gross_minor", "settlement_currency", "settlement_minor", "fx_rate", "fee_minor",
                "occurred_at", "payment__wallet_ref",
            ).iterator(chunk_size=5_000):  # fmt: skip
                yield Entry(row[0], self.codes[row[1]], *row[2:])

    def _is_sent(self, feed: Feed, night: Night) -> bool:
        """Tell whether the partner sends this file at all, by its own rule."""
        if feed.empty_file == Feed.Empty.ZERO:
            return True
        nets: dict[str, int] = defaultdict(int)
        for row in night.rows:
            nets[row.line.settled_currency] += int(row.line.net)
        return any(net >= feed.least(currency) for currency, net in nets.items())

    def _put_off(self, night: Night) -> None:
        code = night.feed.wallet.code
        if fault := self.plan.reserved.pop((code, night.last), ""):
            self.plan.put_off.append(fault)

    # --- planting

    def _send(self, night: Night, partner: DemoPartner) -> None:
        feed, code = night.feed, night.feed.wallet.code
        fault = self.plan.for_file(code, feed.format, night.last)
        if fault in (faults.CORRECTED, faults.TRUNCATED, faults.LYING_TOTAL) and not night.rows:
            self.plan.put_off.append(fault)
            fault = ""
        late_ids = set(partner.held)
        follows = night.due <= self.last
        if fault in (faults.TRUNCATED, faults.LYING_TOTAL):
            # Nobody reads its lines, so nothing is planted in them.
            comes_whole = fault == faults.TRUNCATED and follows
            partner.held = [] if comes_whole else partner.held
            self._deliver(night, arrival=night.due, version=1, fault=fault)
            if comes_whole:
                self.follow_ups[feed.pk].append((night, 2))
            return
        counts = self._counts(night, partner, follows=follows)
        planter = _Planter(
            night, counts, rng=Random(f"{self.seed}:plant:{code}:{night.last}"),  # noqa: S311
            late=late_ids, settled=self._settled(partner),
        )  # fmt: skip
        planter.plant()
        for kind in planter.planted:
            self.plan.planted(kind)
        partner.held = night.held
        partner.settled = planter.clean_ids()[:KEPT_FOR_LATER] or partner.settled
        if fault == faults.CORRECTED:
            self._deliver(planter.spoilt(), arrival=night.due, version=1, fault=fault)
            if follows:
                self.follow_ups[feed.pk].append((night, 2))
            else:
                self._deliver(night, arrival=night.due, version=2)
            return
        self._deliver(night, arrival=night.due, version=1)
        if fault == faults.RESENT:
            self._deliver(night, arrival=night.due, version=2, fault=fault)

    def _counts(self, night: Night, partner: DemoPartner, *, follows: bool) -> dict[str, int]:
        not_now = set()
        if not follows or not faults.daily(night.feed.schedule):
            not_now.add(faults.LATE)
        counts = self.plan.for_lines(
            night.feed.wallet.code, night.feed.format, night.last,
            lines=len(night.rows), not_now=not_now,
        )  # fmt: skip
        if not partner.settled:
            counts.pop(faults.SETTLED_BEFORE, None)
        return counts

    def _settled(self, partner: DemoPartner) -> list[Row]:
        found = LedgerEntry.objects.filter(pk__in=partner.settled).select_related("payment")
        entries = [
            Entry(
                one.pk, self.codes[one.wallet_id], one.kind, one.wallet_ref, one.merchant_ref,
                one.store_ref, one.currency, one.gross_minor, one.settlement_currency,
                one.settlement_minor, one.fx_rate, one.fee_minor, one.occurred_at,
                one.payment.wallet_ref if one.payment else "",
            )
            for one in found
        ]  # fmt: skip
        entries.sort(key=lambda one: (one.wallet, one.kind, one.ref))
        return [Row(_line(partner.feed, one), "duplicate", one.pk) for one in entries]

    # --- writing

    def _deliver(self, night: Night, *, arrival: date, version: int, fault: str = "") -> None:
        feed = night.feed
        code = feed.wallet.code
        currency = _only_currency(night)
        batch = night.layout.batch_ref(
            number=night.number, day=night.last, store="", wallet=code, currency=currency
        )
        name = _name(
            feed, arrival=arrival, day=night.last, version=version, batch=batch, currency=currency
        )
        folder = self.to / code
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        unfinished = folder / f".{name}.part"
        sheet = _sheet(night, misstate=100 if fault == faults.LYING_TOTAL else 0)
        numbers = night.layout.write(unfinished, sheet, settlement.options(feed))
        if fault == faults.TRUNCATED:
            truncate(unfinished)
        unfinished.replace(path)
        state = "reconciled"
        outcomes: dict[str, int] = {}
        breaks: list[dict[str, Any]] = []
        if fault in (faults.TRUNCATED, faults.LYING_TOTAL):
            state = "quarantined"
        elif fault == faults.RESENT:
            state = "resent"
        else:
            state = "superseded" if fault == faults.CORRECTED else "reconciled"
            outcomes, breaks = _expected(night, numbers)
        self.deliveries.append(
            {"file": name, "wallet": code, "state": state, "outcomes": outcomes, "breaks": breaks}
        )


def _name(feed: Feed, *, arrival: date, day: date, version: int, batch: str, currency: str) -> str:
    """Return a delivery's name: unique, and sorted in the order of arrival within its feed."""
    about = f"{day:%Y%m%d}"
    if said := formats.room(feed.format).about:
        # Such as Alipay's: the file does not say its own day and contract, its name does.
        partner_id = feed.options.get("partner_id", "0" * 16)
        about = said.format(partner_id=partner_id, day=day, batch=batch, currency=currency)
    # What a pattern ends in: "vipps*.xml*" also takes in what is packed.
    suffix = "." + feed.pattern.rpartition(".")[2].rstrip("*") if "." in feed.pattern else ""
    return f"{feed.wallet.code}_{arrival:%Y%m%d}_{about}_v{version}{suffix}"


def _line(feed: Feed, entry: Entry) -> Line:
    local = entry.occurred_at.astimezone(calendars.zone(feed.wallet.timezone))
    return Line(
        no=0, batch=0, wallet=entry.wallet, kind=entry.kind, ref=entry.ref, store=entry.store,
        currency=entry.currency, gross=str(entry.gross), settled_currency=entry.settled_currency,
        settled_gross=str(entry.settled), fee=str(entry.fee), net=str(entry.settled - entry.fee),
        rate=entry.rate, merchant_ref=_written(entry.merchant_ref, feed.format),
        occurred_at=local.replace(microsecond=0).isoformat(),
        original_ref=_original(entry, feed.format),
    )  # fmt: skip


def _original(entry: Entry, layout: str) -> str:
    has_room = entry.kind == REFUND and formats.room(layout).originals
    return entry.original_ref if has_room else ""


def _written(text: str, layout: str) -> str:
    """Return a shop's reference as a partner's layout can write it, ? for what it cannot."""
    room = formats.room(layout)
    text = text.encode(room.encoding, "replace").decode(room.encoding)
    return "".join("?" if mark in room.unwritable else mark for mark in text)


def _service_fee(night: Night) -> Line:
    """Return the row of a fixed fee for the file itself, which is no payment."""
    last = night.rows[-1].line
    minor = {"EUR": 150, "ISK": 220}.get(last.settled_currency, 1_600)
    # Pivo tells a fee as a fee; elsewhere it is money that goes the other way.
    gross, fee = ("0", str(minor)) if night.feed.format == "mobilepay_csv" else (f"-{minor}", "0")
    return last._replace(
        kind=NOT_A_PAYMENT, ref=f"FEE{night.number:08d}", currency=last.settled_currency,
        gross=gross, settled_gross=gross, fee=fee, net=f"-{minor}", rate="", merchant_ref="",
        original_ref="",
    )  # fmt: skip


def _sheet(night: Night, *, misstate: int) -> Sheet:
    """Return what the layout writes: the lines in time order, in the batches they need."""
    layout, by = night.layout, night.layout.BATCH_BY
    keys = [tuple(_batch_part(row.line, part) for part in by) for row in night.rows]
    batches: dict[tuple[str, ...], int] = {}
    made: list[Batch] = []
    for key in sorted(set(keys)):
        parts = dict(zip(by, key, strict=True))
        wallet = parts.get("wallet", night.feed.wallet.code)
        currency = parts.get("currency") or parts.get("settled_currency") or _only_currency(night)
        ref = layout.batch_ref(
            number=night.number, day=night.last, store=parts.get("store", ""), wallet=wallet,
            currency=currency,
        )  # fmt: skip
        batches[key] = len(made)
        made.append(Batch(ref=ref, wallet=wallet, currency=currency, value_date=night.due))
    return Sheet(
        wallet=night.feed.wallet.code, number=night.number, period_from=night.first,
        period_to=night.last, made_on=night.due, batches=made,
        lines=[
            row.line._replace(batch=batches[key])
            for row, key in zip(night.rows, keys, strict=True)
        ],
        misstate_minor=misstate,
    )  # fmt: skip


def _batch_part(line: Line, part: str) -> str:
    return {
        "store": line.store,
        "wallet": line.wallet,
        "currency": line.settled_currency,
        "settled_currency": line.settled_currency,
    }[part]


def _only_currency(night: Night) -> str:
    return night.rows[0].line.settled_currency if night.rows else "EUR"


def _expected(night: Night, numbers: list[int]) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return the outcomes and breaks that this file has to lead to."""
    outcomes: dict[str, int] = defaultdict(int)
    breaks = []
    for row, line_no in zip(night.rows, numbers, strict=True):
        outcomes[row.outcome] += 1
        if row.outcome not in ("matched", "not_a_payment"):
            breaks.append({"outcome": row.outcome, "line_no": line_no, "wallet_ref": row.line.ref})
    breaks.sort(key=lambda one: (one["line_no"], one["wallet_ref"]))
    for ref in sorted(night.missing):
        outcomes["missing_in_settlement"] += 1
        breaks.append({"outcome": "missing_in_settlement", "line_no": None, "wallet_ref": ref})
    return dict(sorted(outcomes.items())), breaks


def truncate(path: Path) -> None:
    """Cut a file off after three fifths, in a line's first third, as a broken transfer does."""
    data = path.read_bytes()
    start = data.rfind(b"\n", 0, len(data) * 3 // 5) + 1
    end = data.find(b"\n", start)
    length = (end if end > start else len(data)) - start
    path.write_bytes(data[: start + max(1, length // 3)])


def _extend_truth(path: Path, truth: dict[str, Any]) -> None:
    known = json.loads(path.read_text(encoding="utf-8"))["deliveries"] if path.exists() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    body = {"deliveries": [*known, *truth["deliveries"]]}
    unfinished.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


class _Planter:
    """Plants faults of lines into a night's rows, each entry at most once."""

    def __init__(
        self, night: Night, counts: dict[str, int], *, rng: Random, late: set[int],
        settled: list[Row],
    ) -> None:  # fmt: skip
        self.night, self.counts, self.rng = night, counts, rng
        self.planted: list[str] = []
        self.touched: set[int] = set(late)
        self.free = [
            n for n, row in enumerate(night.rows) if row.entry_id and row.entry_id not in late
        ]
        rng.shuffle(self.free)
        self.settled = settled
        self.added: list[Row] = []
        self.dropped: set[int] = set()
        self.strange = 0

    def plant(self) -> None:
        most = max(1, len(self.night.rows) // 3) if self.night.rows else 0
        for fault in sorted(self.counts):
            for _nth in range(self.counts[fault]):
                if len(self.planted) < most and getattr(self, f"_{fault}")():
                    self.planted.append(fault)
        rows = [row for n, row in enumerate(self.night.rows) if n not in self.dropped]
        self.night.rows = rows + self.added
        # A second line for a payment stands behind the first: the sort keeps their order.
        self.night.rows.sort(key=lambda row: datetime.fromisoformat(row.line.occurred_at))

    def clean_ids(self) -> list[int]:
        """Return entries that their file settles for certain, to be sent again some day."""
        return [
            row.entry_id
            for row in self.night.rows
            if row.outcome == "matched" and row.entry_id not in self.touched
        ]

    def spoilt(self) -> Night:
        """Return the night as a first, wrong version tells it: some amounts differ."""
        rows = [replace(row) for row in self.night.rows]
        plain = [row for row in rows if row.outcome == "matched" and row.line.kind == SALE]
        for row in self.rng.sample(plain, min(3, len(plain))):
            _overstate(row)
        return replace(self.night, rows=rows)

    def _take(self, *, sale: bool = False, currencies: Any = None) -> int | None:
        for at, n in enumerate(self.free):
            line = self.night.rows[n].line
            if (not sale or line.kind == SALE) and (
                currencies is None or line.currency in currencies
            ):
                del self.free[at]
                self.touched.add(self.night.rows[n].entry_id)
                return n
        return None

    def _missing_in_settlement(self) -> bool:
        n = self._take()
        if n is None:
            return False
        self.dropped.add(n)
        self.night.missing.append(self.night.rows[n].line.ref)
        return True

    def _late(self) -> bool:
        n = self._take()
        if n is None:
            return False
        self.dropped.add(n)
        self.night.missing.append(self.night.rows[n].line.ref)
        self.night.held.append(self.night.rows[n].entry_id)
        return True

    def _missing_in_ledger(self) -> bool:
        n = self._take(sale=True)
        if n is None:
            return False
        line = self.night.rows[n].line
        self.added.append(Row(line._replace(ref=self._strange_ref(line)), "missing_in_ledger"))
        return True

    def _amount_mismatch(self) -> bool:
        n = self._take(sale=True)
        if n is not None:
            _overstate(self.night.rows[n])
        return n is not None

    def _fee_mismatch(self) -> bool:
        n = self._take(sale=True)
        if n is None:
            return False
        row = self.night.rows[n]
        fee = int(row.line.fee) + self.rng.randint(1, 50)
        row.line = row.line._replace(fee=str(fee), net=str(int(row.line.settled_gross) - fee))
        row.outcome = "fee_mismatch"
        return True

    def _currency_mismatch(self) -> bool:
        converted = bool(self.night.feed.wallet.settlement_currency)
        n = self._take(sale=True, currencies=_MISTAKEN.keys() - ({"EUR"} if converted else set()))
        if n is None:
            return False
        row = self.night.rows[n]
        other = _MISTAKEN[row.line.currency]
        row.line = row.line._replace(
            currency=other, settled_currency=row.line.settled_currency if converted else other
        )
        row.outcome = "currency_mismatch"
        return True

    def _duplicate(self) -> bool:
        n = self._take()
        if n is None:
            return False
        self.added.append(Row(self.night.rows[n].line, "duplicate"))
        return True

    def _settled_before(self) -> bool:
        if not self.settled:
            return False
        self.added.append(self.settled.pop(self.rng.randrange(len(self.settled))))
        return True

    def _refund_without_payment(self) -> bool:
        n = self._take(sale=True)
        if n is None:
            return False
        line = self.night.rows[n].line
        gross, settled = -int(line.gross), -int(line.settled_gross)
        refund = line._replace(
            kind=REFUND, ref=self._strange_ref(line), gross=str(gross),
            settled_gross=str(settled), fee="0", net=str(settled),
            original_ref=(
                self._strange_ref(line) if formats.room(self.night.feed.format).originals else ""
            ),
        )  # fmt: skip
        self.added.append(Row(refund, "refund_without_payment"))
        return True

    def _unknown_location(self) -> bool:
        n = self._take()
        if n is None:
            return False
        row = self.night.rows[n]
        self.night.missing.append(row.line.ref)
        number = NO_LOCATIONS + self.rng.randrange(100_000)
        row.line = row.line._replace(store=enrolment.store_ref(world.location_code(number)))
        row.outcome, row.entry_id = "unknown_location", 0
        return True

    def _strange_ref(self, line: Line) -> str:
        """Return an id in the paying wallet's style that no payment ever has."""
        self.strange += 1
        feed = sum(map(ord, self.night.feed.code)) % 900
        names = _Names(line.wallet, self.night.last)
        return names.payment(STRANGE_NUMBERS + 1_000 * feed + self.strange)


def _overstate(row: Row) -> None:
    """Make an amount a tenth higher, in both currencies, so that nobody rounds it away."""
    line = row.line
    gross = int(line.gross) + max(10, abs(int(line.gross)) // 10)
    settled = gross
    if line.settled_currency != line.currency:
        settled = money.convert(gross, line.currency, line.settled_currency, line.rate)
    row.line = line._replace(
        gross=str(gross), settled_gross=str(settled), net=str(settled - int(line.fee))
    )
    row.outcome = "amount_mismatch"


# --- the payers


def rate(seed: int, currency: str, day: date) -> str:
    """Return the day's rate of a currency, euro per unit, as a decimal text."""
    middle = _EURO_MILLIONTHS[currency]
    drawn = Random(f"{seed}:rate:{currency}:{day}").randint(-middle // 100, middle // 100)  # noqa: S311
    millionths = middle + drawn
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"


@dataclass(frozen=True)
class _Sale:
    at: datetime
    shop: Shop
    minor: int
    tip: int
    merchant_ref: str
    refund_after: int
    refund_percent: int


class _Street:
    """The shops of a country, which has one currency, in the order of their codes.

    Some thirty bytes each, as the demo has up to 190,000; a Shop is made when somebody pays.
    """

    def __init__(self, country: str, currency: str) -> None:
        self.country, self.currency = country, currency
        self.pks, self.stickers = array("q"), array("q")
        self.mccs: list[str] = []

    def shop(self, at: int) -> Shop:
        return Shop(
            self.pks[at], self.country, self.currency, self.mccs[at], self.stickers[at] or None
        )


@dataclass(frozen=True)
class _Near:
    """Where a wallet's users can pay in one country: places on its street."""

    street: _Street
    places: Sequence[int]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, at: int) -> Shop:
        return self.street.shop(self.places[at])


class _Crowd:
    """Everybody who pays: the same people every time for the same seed and day."""

    def __init__(self, seed: int, wallets: list[Wallet], *, resume: bool) -> None:
        self.seed, self.wallets, self.resume = seed, wallets, resume
        self.streets = self._streets()
        self.near = {wallet.pk: self._shops_of(wallet) for wallet in wallets}
        self.yesterday: dict[int, list[tuple[str, int]]] = {}

    def _streets(self) -> dict[tuple[str, str], _Street]:
        """Read every open shop once, with the sticker that has the lowest code."""
        streets: dict[tuple[str, str], _Street] = {}
        sticker = Sticker.objects.filter(
            location=OuterRef("pk"), state__in=["issued", "printed"]
        ).order_by("code")
        shops = (
            Location.objects.filter(state="accepting", merchant__state="active")
            .order_by("code")
            .values_list("pk", "country", "currency", "mcc", Subquery(sticker.values("pk")[:1]))
        )
        for pk, country, currency, mcc, sticker_id in shops.iterator(chunk_size=2_000):
            street = streets.get((country, currency))
            if street is None:
                street = streets[country, currency] = _Street(country, currency)
            street.pks.append(pk)
            street.stickers.append(sticker_id or 0)
            street.mccs.append(intern(mcc))
        return streets

    def _shops_of(self, wallet: Wallet) -> dict[str, _Near]:
        found: dict[str, _Near] = {}
        covered = set(wallet.countries.values_list("country", "currency"))
        for (country, currency), street in sorted(self.streets.items()):
            if (country, currency) not in covered:
                continue
            enrolled = set(
                Enrolment.objects.filter(
                    wallet=wallet, state="approved", location__country=country
                ).values_list("location_id", flat=True).iterator(chunk_size=5_000)
            )  # fmt: skip
            places: Sequence[int] = range(len(street.pks))
            if not enrolled.issuperset(street.pks):
                places = array("l", (at for at in places if street.pks[at] in enrolled))
            if places:
                found[country] = _Near(street, places)
        return found

    def shares(self, volume: int) -> list[tuple[Wallet, int]]:
        """Return how many of ``volume`` payments a day each wallet's users make."""
        parts = [SHARES.get(wallet.code, OTHER_SHARE) for wallet in self.wallets]
        bounds = [0, *(volume * part // sum(parts) for part in accumulate(parts))]
        return [
            (wallet, high - low)
            for wallet, low, high in zip(self.wallets, bounds, bounds[1:], strict=False)
        ]

    def pay(self, wallet: Wallet, day: date, *, count: int, alive: Callable[[], None]) -> None:
        """Let a wallet's users pay on a day; ``alive`` is called now and then meanwhile."""
        requests = _telling(self._requests(wallet, day, count=count), alive)
        acceptance.accept_many(
            wallet=wallet, requests=_new_ones(wallet, requests) if self.resume else requests
        )

    def _requests(
        self, wallet: Wallet, day: date, *, count: int
    ) -> Iterator[acceptance.PaymentRequest | acceptance.RefundRequest]:
        rng = Random(f"{self.seed}:{wallet.code}:{day}")  # noqa: S311
        near = self.near[wallet.pk]
        if not near:
            return
        sales = [self._sale(rng, wallet, near, day) for _nth in range(count)]
        sales.sort(key=lambda sale: (sale.at, sale.shop.pk, sale.minor))
        name = _Names(wallet.code, day)
        for number, (payment_ref, minor) in enumerate(self.yesterday.get(wallet.pk, [])):
            yield acceptance.RefundRequest(
                payment_wallet_ref=payment_ref, wallet_ref=name.refund(-1 - number),
                price_minor=minor, occurred_at=datetime.combine(day, time(9, number % 60), UTC),
                ref=_public("rfd", wallet.code, name.refund(-1 - number)),
            )  # fmt: skip
        back_tomorrow = []
        for number, sale in enumerate(sales):
            ref = name.payment(number)
            converted = wallet.settlement_currency not in ("", sale.shop.currency)
            yield acceptance.PaymentRequest(
                location_id=sale.shop.pk, wallet_ref=ref, currency=sale.shop.currency,
                price_minor=sale.minor, tip_minor=sale.tip, occurred_at=sale.at,
                merchant_ref=sale.merchant_ref, sticker_id=sale.shop.sticker_id,
                fx_rate=rate(self.seed, sale.shop.currency, day) if converted else "",
                quote_id=f"Q{day:%y%m%d}{sale.shop.currency}" if converted else "",
                ref=_public("pay", wallet.code, ref),
            )  # fmt: skip
            if not sale.refund_percent:
                continue
            minor = max(1, sale.minor * sale.refund_percent // 100)
            if sale.refund_after < 0:
                back_tomorrow.append((ref, minor))
                continue
            yield acceptance.RefundRequest(
                payment_wallet_ref=ref, wallet_ref=name.refund(number), price_minor=minor,
                occurred_at=sale.at + timedelta(minutes=sale.refund_after),
                ref=_public("rfd", wallet.code, name.refund(number)),
            )  # fmt: skip
        self.yesterday[wallet.pk] = back_tomorrow

    def _sale(self, rng: Random, wallet: Wallet, near: dict[str, _Near], day: date) -> _Sale:
        if wallet.home_country in near and rng.randrange(100) < HOME_PERCENT:
            country = wallet.home_country
        else:
            country = rng.choice(list(near))
        shops = near[country]
        # The square makes the first shops of a country the busiest.
        shop = shops[rng.randrange(1 << 20) ** 2 * len(shops) >> 40]
        zone = calendars.zone(COUNTRIES[shop.country][2])
        minute = 7 * 60 + rng.randrange(8 * 60) + rng.randrange(8 * 60 + 30)
        local = datetime.combine(day, time(minute // 60, minute % 60, rng.randrange(60)), zone)
        minor = _price(rng, shop)
        tip = 0
        if shop.mcc == "5812" and rng.randrange(100) < 12:
            tip = max(1, minor // rng.choice((10, 12, 20)))
        refund_percent = refund_after = 0
        if rng.randrange(1000) < REFUND_PERCENT * 10:
            refund_percent = rng.choice((100, 100, 100, 50, 30))
            left = 23 * 60 + 55 - minute
            refund_after = rng.randint(3, max(3, left)) if rng.randrange(4) else -1
        return _Sale(
            local.astimezone(UTC), shop, minor + tip, tip, _merchant_ref(rng), refund_after,
            refund_percent,
        )  # fmt: skip


def _telling(
    requests: Iterable[acceptance.PaymentRequest | acceptance.RefundRequest],
    alive: Callable[[], None],
) -> Iterator[acceptance.PaymentRequest | acceptance.RefundRequest]:
    # Some thousand take seconds, and a job must speak up once a minute.
    for number, one in enumerate(requests):
        if number % 4_000 == 0:
            alive()
        yield one


def _new_ones(
    wallet: Wallet, requests: Iterable[acceptance.PaymentRequest | acceptance.RefundRequest]
) -> Iterator[acceptance.PaymentRequest | acceptance.RefundRequest]:
    """Leave out what an interrupted call has stored already."""
    stream = iter(requests)
    while some := list(islice(stream, 500)):
        refs = [one.wallet_ref for one in some]
        known = set(
            LedgerEntry.objects.filter(
                wallet=wallet, kind__in=[SALE, REFUND], wallet_ref__in=refs
            ).values_list("kind", "wallet_ref")
        )
        for one in some:
            kind = SALE if isinstance(one, acceptance.PaymentRequest) else REFUND
            if (kind, one.wallet_ref) not in known:
                yield one


def _price(rng: Random, shop: Shop) -> int:
    top = rng.choice((600, 1_500, 1_500, 4_000, 4_000, 12_000))
    cents = 180 + rng.randrange(top)
    factor, divisor, step = _PRICE_FACTORS[shop.currency]
    minor = cents * factor // divisor
    if rng.randrange(3):
        minor = max(step, minor // step * step)
    return minor


def _merchant_ref(rng: Random) -> str:
    drawn = rng.randrange(100)
    if drawn < 45:
        return ""
    return rng.choice(_AWKWARD) if drawn < 50 else f"R{rng.randrange(10_000_000):07d}"


def _public(prefix: str, wallet: str, ref: str) -> str:
    return f"{prefix}_{sha256(f'{wallet}:{prefix}:{ref}'.encode()).hexdigest()[:26]}"


class _Names:
    """The ids a wallet gives on a day, in its own style; the n-th is always the same."""

    def __init__(self, wallet: str, day: date) -> None:
        self.wallet, self.day = wallet, day
        self.number = (day - date(2019, 6, 10)).days

    def payment(self, n: int) -> str:
        if self.wallet == "alipay":
            return f"{self.day:%Y%m%d}22001{n:015d}"
        if self.wallet == "pivo":
            return str(
                uuid.UUID(bytes=sha256(f"pivo:{self.day}:{n}".encode()).digest()[:16], version=4)
            )
        if self.wallet == "bluecode":
            return f"BC{self.number:05d}{n:09d}"
        if self.wallet == "epassi":
            return f"{self.number:04d}{n:08d}"
        if self.wallet == "momo":
            return f"MP{self.number:05d}{n:08d}"
        return f"{self.number:04d}{n:07d}"

    def refund(self, n: int) -> str:
        # Refunds of the day before are counted down from the end, so that none meet.
        return self.payment(5_000_000 + n)
