"""Settlement files, runs and breaks as rows, for the pages that show them."""

from __future__ import annotations

from datetime import date, datetime
from itertools import count
from typing import Any

from payments.models import Batch, Break, Delivery, LedgerEntry, Link, Run, SettlementFile
from tests.builders import NOON
from wallets.models import Feed

_numbers = count(1)


def file(wallet: str = "vipps", **fields: Any) -> SettlementFile:
    """A file with its delivery, received for 14 October and waiting, unless told otherwise."""
    number = next(_numbers)
    feed = Feed.objects.get(code=wallet)
    defaults: dict[str, Any] = {
        "feed": feed, "name": f"{wallet}-{number:06d}.xml", "identity": f"{wallet}-{number:06d}",
        "sha256": f"{number:064x}", "size": 12_345, "path": f"00/{number:064x}",
        "received_at": NOON,
    }  # fmt: skip
    defaults.update(fields)
    made = SettlementFile.objects.create(**defaults)
    Delivery.objects.create(
        feed=feed, file=made, name=made.name, arrived_at=made.received_at,
        result=Delivery.Result.NEW if made.version == 1 else Delivery.Result.NEW_VERSION,
    )  # fmt: skip
    return made


def quarantined(wallet: str = "vipps", **fields: Any) -> SettlementFile:
    """A file cut in its fourth line."""
    defaults: dict[str, Any] = {
        "state": SettlementFile.State.QUARANTINED, "reason_code": "truncated", "reason_line": 4,
        "reason_text": "The file ends in the middle of a payment.", "settled_at": NOON,
    }  # fmt: skip
    made = file(wallet, **{**defaults, **fields})
    Break.objects.create(
        file=made, feed=made.feed, wallet=wallet, outcome=Break.Outcome.FILE_QUARANTINED,
        line_no=made.reason_line, note=made.reason_text, opened_at=NOON,
    )  # fmt: skip
    return made


def reconciled(
    wallet: str = "vipps",
    *,
    day: date = date(2026, 10, 14),
    to: date | None = None,
    outcomes: dict[str, int] | None = None,
    currency: str = "NOK",
    finished_at: datetime = NOON,
    **fields: Any,
) -> Run:
    """A reconciled file of one day: 3 matched lines of 100.00 with a fee of 2.00 each."""
    outcomes = outcomes or {"matched": 3}
    made = file(
        wallet, state=SettlementFile.State.RECONCILED, period_from=day, period_to=to or day,
        settled_at=finished_at, **fields,
    )  # fmt: skip
    lines = sum(n for outcome, n in outcomes.items() if outcome != "missing_in_settlement")
    sums = {"gross_minor": 10_000 * lines, "fee_minor": 200 * lines, "net_minor": 9_800 * lines}
    Batch.objects.create(
        file=made, settlement_ref=f"S-{made.pk}", wallet=wallet, currency=currency, lines=lines,
        value_date=day, **sums,
    )  # fmt: skip
    zero = {"count": 0, "minor": 0}
    settled = {"count": lines, "minor": 10_000 * lines}
    return Run.objects.create(
        file=made, feed=made.feed, state=Run.State.DONE, engine="1", token=1,
        started_at=finished_at, finished_at=finished_at, records=lines + 2, lines=lines,
        matched=outcomes.get("matched", 0), outcomes=outcomes,
        totals=[{
            "currency": currency, "settled_currency": currency, "lines": lines, "other_minor": 0,
            "settled_gross_minor": sums["gross_minor"], **sums,
        }],
        roll_forward=[{
            "wallet": wallet, "currency": currency, "opening": zero, "new_due": settled,
            "settled": settled, "written_off": zero, "closing": zero,
        }],
        csv_path=f"recon/{made.name}.csv", csv_sha256="c" * 64, csv_rows=lines,
    )  # fmt: skip


def broken(run: Run, outcome: str = "amount_mismatch", **fields: Any) -> Break:
    """An open break of a run: 100.00 expected, 90.00 settled in line 7."""
    defaults: dict[str, Any] = {
        "run": run, "file": run.file, "feed": run.feed, "wallet": run.feed.wallet.code,
        "outcome": outcome, "line_no": 7, "wallet_ref": f"P{next(_numbers):08d}", "kind": "sale",
        "currency": "NOK", "expected_minor": 10_000, "settled_minor": 9_000,
        "note": "The file settles 10.00 less than was accepted.", "opened_at": NOON,
    }  # fmt: skip
    return Break.objects.create(**{**defaults, **fields})


def settled(entry: LedgerEntry, run: Run, *, line_no: int = 1) -> Link:
    """A link that says an entry was settled by a line."""
    return Link.objects.create(
        entry=entry, run=run, batch=run.file.batches.get(), line_no=line_no, rule="equal"
    )
