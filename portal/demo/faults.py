"""The faults a simulated partner can make, and which layout can show which.

docs/faults.md is written from these tables: ``manage.py simulate --list-faults``.
"""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from wallets import formats
from wallets.partners import PARTNERS

MISSING_IN_SETTLEMENT = "missing_in_settlement"
LATE = "late"
MISSING_IN_LEDGER = "missing_in_ledger"
AMOUNT = "amount_mismatch"
FEE = "fee_mismatch"
CURRENCY = "currency_mismatch"
DUPLICATE = "duplicate"
SETTLED_BEFORE = "settled_before"
REFUND_WITHOUT_PAYMENT = "refund_without_payment"
UNKNOWN_LOCATION = "unknown_location"
RESENT = "resent"
CORRECTED = "corrected"
TRUNCATED = "truncated"
LYING_TOTAL = "lying_total"

LINE_FAULTS = {
    MISSING_IN_SETTLEMENT: "a payment is left out of its file and never comes",
    LATE: "a payment is left out of its file and comes with the next one",
    MISSING_IN_LEDGER: "a line for a payment that nobody reported",
    AMOUNT: "a line with another amount",
    FEE: "a line with another fee",
    CURRENCY: "a line in another currency",
    DUPLICATE: "a line that stands in the file twice",
    SETTLED_BEFORE: "a line that an earlier file has settled",
    REFUND_WITHOUT_PAYMENT: "a refund of a payment that nobody knows",
    UNKNOWN_LOCATION: "a line for a store that is not enrolled",
}
"""Faults of single lines; a file can have many."""

FILE_FAULTS = {
    RESENT: "the same bytes come again under another name",
    CORRECTED: "a wrong version first, then a corrected one of the same file",
    TRUNCATED: "the file breaks off in the middle of a line",
    LYING_TOTAL: "a declared total that is not the sum of the lines",
}
"""Faults of whole files; a file has at most one."""

FAULTS = {**LINE_FAULTS, **FILE_FAULTS}


class BadPlan(ValueError):
    """A fault plan that cannot be followed; the message says what to change."""


def why_not(layout: str, fault: str) -> str:
    """Say why a layout cannot show a fault; an empty text when it can."""
    if layout not in formats.written():
        return "its layout is only read"
    room = formats.room(layout)
    if fault == LYING_TOTAL and not room.totals:
        return "the file declares no total"
    if fault == CURRENCY and room.one_currency:
        return "the file has one currency"
    if fault in (LATE, SETTLED_BEFORE) and not room.says_its_days:
        return "the file says its days only by its lines"
    if fault == FEE and not room.fees:
        return "the file tells no fee"
    return ""


def can(layout: str, fault: str) -> bool:
    """Tell whether a layout can show a fault."""
    return not why_not(layout, fault)


@dataclass(frozen=True)
class Wish:
    """So many faults of a kind in the files of a wallet for a business date (None: any)."""

    fault: str
    wallet: str = ""
    day: date | None = None
    count: int = 1


@dataclass
class Plan:
    """Which faults go into which file.

    ``rates`` are faults per ten thousand lines (or files); ``wishes`` are planted for
    certain. ``due`` keeps the kinds that must appear once and have not yet.
    """

    seed: int
    line_rate: int = 0
    file_rate: int = 0
    wishes: list[Wish] = field(default_factory=list)
    due: list[str] = field(default_factory=list)
    reserved: dict[tuple[str, date], str] = field(default_factory=dict)
    put_off: list[str] = field(default_factory=list)

    def for_lines(
        self, wallet: str, layout: str, day: date, *, lines: int, not_now: Container[str]
    ) -> dict[str, int]:
        """Return how many faults of each kind to try in a file with so many lines.

        ``not_now`` are kinds that need not appear in this file to have appeared.
        """
        rng = Random(f"{self.seed}:faults:{wallet}:{day}")  # noqa: S311
        counts: dict[str, int] = {}
        for wish in self.wishes:
            if (
                wish.fault in LINE_FAULTS
                and wish.wallet in ("", wallet)
                and wish.day in (None, day)
            ):
                counts[wish.fault] = counts.get(wish.fault, 0) + wish.count
        for fault in LINE_FAULTS:
            whole, rest = divmod(lines * self.line_rate, 10_000)
            counts[fault] = counts.get(fault, 0) + whole + (rng.randrange(10_000) < rest)
        if self.line_rate:
            room = max(1, lines // 4)
            for fault in self.due:
                if fault in not_now or counts.get(fault) or not can(layout, fault):
                    continue
                if sum(counts.values()) < room:
                    counts[fault] = 1
        return {fault: n for fault, n in counts.items() if n and can(layout, fault)}

    def for_file(self, wallet: str, layout: str, day: date) -> str:
        """Return the fault of a whole file, or an empty text."""
        for wish in self.wishes:
            if (
                wish.fault in FILE_FAULTS
                and wish.wallet in ("", wallet)
                and wish.day in (None, day)
            ):
                return wish.fault if can(layout, wish.fault) else ""
        if fault := self.reserved.get((wallet, day)):
            return fault
        for fault in self.put_off:
            if can(layout, fault):
                self.put_off.remove(fault)
                return fault
        rng = Random(f"{self.seed}:file:{wallet}:{day}")  # noqa: S311
        if rng.randrange(10_000) < self.file_rate:
            fault = rng.choice(sorted(FILE_FAULTS))
            return fault if can(layout, fault) else ""
        return ""

    def planted(self, fault: str) -> None:
        if fault in self.due:
            self.due.remove(fault)


def none(*, seed: int) -> Plan:
    return Plan(seed=seed)


def default(*, seed: int, layouts: dict[str, str], nights: list[date]) -> Plan:
    """Return the plan that shows every fault at least once, where there are enough payments.

    ``layouts`` is the layout by wallet of the feeds that send a file every day.
    """
    plan = Plan(seed=seed, line_rate=15, due=list(LINE_FAULTS))
    if len(nights) < 2:
        return plan
    if len(nights) > 3:
        plan.file_rate = 150
    rng = Random(f"{seed}:reserved:{nights[0]}")  # noqa: S311
    slots = [(wallet, night) for wallet in sorted(layouts) for night in nights[:-1]]
    rng.shuffle(slots)
    # The first night keeps some whole files, so that the faults of lines have room.
    most_a_night = max(2, len(layouts) // 2)
    taken: dict[date, int] = {}
    for fault in FILE_FAULTS:
        for slot in slots:
            wallet, night = slot
            if slot in plan.reserved or not can(layouts[wallet], fault):
                continue
            if taken.get(night, 0) >= most_a_night and len(nights) > 2:
                continue
            plan.reserved[slot] = fault
            taken[night] = taken.get(night, 0) + 1
            break
    return plan


def from_file(path: Path, *, seed: int, layouts: dict[str, str]) -> Plan:
    """Read a plan: a JSON list of objects with fault and, if wanted, wallet, date and count.

    Nothing else is planted. ``layouts`` is the layout by wallet. Raises BadPlan.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadPlan(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadPlan(f"{path} is not JSON: {error}.") from None
    if not isinstance(rows, list):
        raise BadPlan(f"{path} must be a list of faults; docs/faults.md has an example.")
    return Plan(seed=seed, wishes=[_wish(row, n, layouts) for n, row in enumerate(rows, 1)])


def _wish(row: Any, number: int, layouts: dict[str, str]) -> Wish:
    if not isinstance(row, dict) or not set(row) <= {"fault", "wallet", "date", "count"}:
        raise BadPlan(f"Fault {number} must have fault, and may have wallet, date and count.")
    fault, wallet, count = row.get("fault"), row.get("wallet", ""), row.get("count", 1)
    if fault not in FAULTS:
        raise BadPlan(f"Fault {number}: {fault!r} is none of {', '.join(FAULTS)}.")
    if wallet and wallet not in layouts:
        raise BadPlan(f"Fault {number}: no feed of {wallet!r}; there are {', '.join(layouts)}.")
    if wallet and not can(layouts[wallet], fault):
        why = why_not(layouts[wallet], fault)
        raise BadPlan(f"Fault {number}: {wallet} cannot show {fault}: {why}.")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise BadPlan(f"Fault {number}: count must be a whole number from 1.")
    try:
        day = date.fromisoformat(row["date"]) if "date" in row else None
    except (TypeError, ValueError):
        raise BadPlan(f"Fault {number}: date must look like 2026-10-14.") from None
    return Wish(fault, wallet, day, count)


def daily(schedule: str) -> bool:
    return schedule == "daily"


# --- the page about it

_HEAD = """\
# What can go wrong in a file, wallet by wallet

The simulator (`manage.py simulate`, `bin/demo`) plants these faults and writes down what the
reconciliation has to find, in `truth.json`. A fault is planted only where the layout can show
it. This page is written from the tables in `portal/demo/faults.py`
(`manage.py simulate --list-faults > docs/faults.md`), which the simulator uses.

"""

_FOOT = """
## A plan of one's own

`manage.py simulate --faults FILE` plants exactly what a JSON file lists, and nothing else:

```json
[
  {"fault": "amount_mismatch", "wallet": "vipps", "date": "2026-10-14", "count": 3},
  {"fault": "truncated", "wallet": "pivo", "date": "2026-10-15"},
  {"fault": "late"}
]
```

`date` is the last business date in the file. Without `wallet` or `date` the fault goes into
the files of every wallet or night. `count` (1 when left out) is for faults of lines. A wallet
that cannot show a fault, or a name that is not in the table, is refused.
"""


def page() -> str:
    """Return docs/faults.md."""
    names = {partner.format: partner.name for partner in PARTNERS}
    rows = ["| fault | what happens | " + " | ".join(names.values()) + " |"]
    rows.append("|---|---|" + "---|" * len(names))
    notes: dict[str, int] = {}
    for fault, text in FAULTS.items():
        cells = []
        for layout in names:
            why = why_not(layout, fault)
            cells.append("yes" if not why else f"no ({notes.setdefault(why, len(notes) + 1)})")
        rows.append(f"| `{fault}` | {text} | " + " | ".join(cells) + " |")
    explained = "".join(f"\n{n}. {why[0].upper()}{why[1:]}." for why, n in notes.items())
    reasons = f"\nWhy not:\n{explained}\n" if notes else ""
    return _HEAD + "\n".join(rows) + "\n" + reasons + _FOOT
