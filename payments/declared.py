"""Totals that a partner declares in a file of their own, beside the files that bring the lines.

A summary settles nothing. Whichever comes last, the summary or the lines, finds the other by
the settlement's name and currency; a difference is one break of the summary, closed when a
later file brings the rest.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from payments.models import Batch, Break, Run, SettlementFile
from portal.core.money import from_minor

_State = SettlementFile.State


def compare(file: SettlementFile, *, run: Run, now: datetime) -> None:
    """Compare what summaries of the file's feed declare with the lines that have come.

    Called in the transaction that makes ``run`` count; ``file`` is reconciled by then.
    """
    feed = file.feed
    summaries = SettlementFile.objects.filter(feed=feed, state=_State.RECONCILED, is_summary=True)
    if not summaries.exists():
        return
    concerned = set(file.batches.values_list("settlement_ref", "currency"))
    of_old = Batch.objects.filter(
        file__feed=feed, file__identity=file.identity, file__version__lt=file.version
    )
    concerned |= set(of_old.values_list("settlement_ref", "currency"))
    declared = Batch.objects.filter(
        file__in=summaries, settlement_ref__in={ref for ref, _currency in concerned}
    ).select_related("file")
    come: dict[tuple[str, str], int] = defaultdict(int)
    lines = Batch.objects.filter(
        file__feed=feed, file__state=_State.RECONCILED, file__is_summary=False,
        settlement_ref__in={batch.settlement_ref for batch in declared},
    )  # fmt: skip
    brought = set()
    for batch in lines:
        key = (batch.settlement_ref, batch.currency)
        brought.add(key)
        come[key] += batch.net_minor + batch.other_minor
    for batch in declared:
        key = (batch.settlement_ref, batch.currency)
        if key in concerned:
            found = come[key] if key in brought else None
            _report(batch, found, run=run, now=now)


def _report(batch: Batch, found: int | None, *, run: Run, now: datetime) -> None:
    """Open, change or close the break of one declared total; None: its lines have not come."""
    stated = batch.net_minor + batch.other_minor
    known = Break.objects.filter(
        file=batch.file_id, outcome=Break.Outcome.TOTALS_DIFFER,
        wallet_ref=batch.settlement_ref[:64], currency=batch.currency, state=Break.State.OPEN,
    )  # fmt: skip
    if found is None or found == stated:
        known.update(
            state=Break.State.CLOSED, closed_at=now, closed_by_run=run,
            closing_note=(
                f"Its lines now add up to what it declares, with {run.file.name}."
                if found is not None
                else f"Its lines were replaced by {run.file.name}."
            ),
        )  # fmt: skip
        return
    note = (
        f"{batch.file.name} declares {from_minor(stated, batch.currency)} {batch.currency} for "
        f"settlement {batch.settlement_ref}; the lines that have come add up to "
        f"{from_minor(found, batch.currency)}. Ask the partner for the missing part or a "
        "corrected file."
    )
    if known.update(expected_minor=found, settled_minor=stated, note=note):
        return
    counted = batch.file.runs.filter(state=Run.State.DONE).first()
    Break.objects.create(
        run=counted, file=batch.file, feed=run.feed, wallet=batch.wallet,
        outcome=Break.Outcome.TOTALS_DIFFER, wallet_ref=batch.settlement_ref[:64],
        currency=batch.currency, expected_minor=found, settled_minor=stated, note=note,
        opened_at=now,
    )  # fmt: skip
