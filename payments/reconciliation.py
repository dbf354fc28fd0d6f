"""Run one file against the ledger: load, match, write, prove the totals.

Parsing and matching come before anything is written. The rows of a run go in by short
transactions under a fenced lease, so that a shop's payment never waits for a night on
SQLite; nothing of them counts until the last transaction makes the whole run valid, with
the state of the file, in one go. A run that died half-way is swept before the next try.
"""

from __future__ import annotations

import gc
import json
import logging
import time
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, Sum
from django.utils import timezone

from payments import declared, exports, matching, settlement
from payments.ledger import NightLedger, Slice
from payments.matching import Result
from payments.models import Break, LedgerEntry, Link, Run, SettlementFile
from portal.core import audit, leases
from wallets.formats.statement import NOT_A_PAYMENT, Line, Problem, Statement
from wallets.models import Feed, Wallet

logger = logging.getLogger(__name__)

ENGINE = "1"
MOST_ATTEMPTS = 5
LEASE_SECONDS = 120
LINKS_AT_ONCE = 2_000
BREAKS_AT_ONCE = 500
SHORTEST_PAUSE, LONGEST_PAUSE = 0.005, 0.1


def run_feed(feed_id: int, *, now: datetime) -> None:
    """Reconcile the waiting files of a feed in the order of arrival, unless another does."""
    claim = leases.acquire(settlement.lease_name(feed_id), seconds=LEASE_SECONDS, now=now)
    if claim is None:
        return
    try:
        waiting = settlement.waiting_files().filter(feed_id=feed_id).order_by("pk")
        while file := waiting.select_related("feed__wallet").first():
            run_file(file, claim=claim, now=now)
    except leases.LeaseLost:
        logger.warning("feed %s was taken over by another worker", feed_id)
    finally:
        claim.release()


def run_file(file: SettlementFile, *, claim: leases.Claim, now: datetime) -> None:
    """Reconcile one file, or quarantine it with a reason; never anything in between."""
    sweep(file.feed, claim=claim)
    # Counted in a transaction of its own: a crash must not undo the count.
    settlement.waiting_files().filter(pk=file.pk).update(attempts=F("attempts") + 1)
    file.refresh_from_db(fields=["attempts", "state"])
    if file.attempts > MOST_ATTEMPTS:
        text = f"Given up after {MOST_ATTEMPTS} attempts that ended without a result."
        settlement.quarantine(file, Problem("gave_up", 0, text), now=now)
        return
    reconciling = Reconciliation(file, claim=claim, now=now)
    try:
        reconciling.run()
    except settlement.Refused as refusal:
        reconciling.keep_period()
        _refuse(file, refusal.problem, claim=claim, now=now)
    except MemoryError:
        text = "The file is too large for this machine's memory."
        _refuse(file, Problem("too_large", 0, text), claim=claim, now=now)
    except (leases.LeaseLost, OSError):
        raise
    except Exception as error:
        logger.exception("file %s could not be reconciled", file.pk)
        if file.attempts < MOST_ATTEMPTS:
            return
        text = f"Reading it fails with {type(error).__name__}; the portal's operators must look."
        _refuse(file, Problem("internal", 0, text), claim=claim, now=now)


def _refuse(file: SettlementFile, problem: Problem, *, claim: leases.Claim, now: datetime) -> None:
    sweep(file.feed, claim=claim)
    settlement.quarantine(file, problem, now=now)


def sweep(feed: Feed, *, claim: leases.Claim) -> None:
    """Remove what a run that died half-way left behind; give back what it had reversed."""
    for dead in Run.objects.filter(feed=feed, state=Run.State.WRITING).select_related("file"):
        _delete(Link.objects.filter(run=dead), claim)
        _delete(Break.objects.filter(run=dead), claim)
        _delete(dead.file.batches.all(), claim)
        _turn(Link.objects.filter(reversed_by=dead), None, claim)
        for name in (dead.csv_path, dead.slice_path):
            path = Path(settings.VAR_DIR) / name
            for left in (path, *path.parent.glob(f".{path.name}.*.part")):
                left.unlink(missing_ok=True)
        with transaction.atomic():
            claim.hold()
            dead.delete()


def _delete(rows: Any, claim: leases.Claim) -> None:
    """Delete rows, some at a time, without asking who may point at them: nobody is left."""
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:LINKS_AT_ONCE]):
        numbers = ", ".join(map(str, pks))
        with _turn_to_write(claim), connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {rows.model._meta.db_table} WHERE id IN ({numbers})"  # noqa: S608
            )


def _turn(links: Any, run: Run | None, claim: leases.Claim) -> None:
    """Mark links as reversed by a run (or by none again), some at a time."""
    while pks := list(links.order_by("pk").values_list("pk", flat=True)[:LINKS_AT_ONCE]):
        with _turn_to_write(claim):
            links.filter(pk__gte=pks[0], pk__lte=pks[-1]).update(reversed_by=run)


@contextmanager
def _turn_to_write(claim: leases.Claim) -> Iterator[None]:
    """A short transaction under the lease, and on SQLite as long a pause behind it.

    There only one may write. Whoever waits looks again after 1 to 100 ms, so turns have to
    be short, many, and leave as much time as they take: with less, waiting payments pile up.
    """
    began = time.monotonic()
    with transaction.atomic():
        claim.hold()
        yield
    if connection.vendor == "sqlite":
        time.sleep(min(LONGEST_PAUSE, max(SHORTEST_PAUSE, time.monotonic() - began)))


@contextmanager
def _no_cyclic_garbage() -> Iterator[None]:
    """Pause the collector of cycles: a million live tuples cost it a third of the night."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(slots=True)
class Tally:
    """Sums of the lines of one batch, wallet and pair of currencies, in minor units.

    ``linked`` counts the ledger entries they used up, ``linked_minor`` adds up what those
    had expected.
    """

    lines: int = 0
    gross_minor: int = 0
    settled_gross_minor: int = 0
    fee_minor: int = 0
    net_minor: int = 0
    other_minor: int = 0
    linked: int = 0
    linked_minor: int = 0


def _added(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        for name in Tally.__slots__:
            setattr(total, name, getattr(total, name) + getattr(tally, name))
    return total


@dataclass
class Links:
    """The links of a run before they are written, as columns."""

    entries: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))
    batches: array[int] = field(default_factory=lambda: array("l"))
    differing: dict[int, Result] = field(default_factory=dict)

    def add(self, result: Result, line: Line) -> None:
        entry_id = int(result.entry.split(matching.US, 7)[6])
        if result.outcome != matching.MATCHED or line.settled_currency != line.currency:
            self.differing[len(self.entries)] = result
        self.entries.append(entry_id)
        self.lines.append(line.no)
        self.batches.append(line.batch)


class Reconciliation:
    """One run of one file, from its bytes to its CSV."""

    def __init__(self, file: SettlementFile, *, claim: leases.Claim, now: datetime) -> None:
        self.file, self.feed, self.claim, self.now = file, file.feed, claim, now
        self.outcomes: dict[str, int] = defaultdict(int)
        self.tallies: dict[tuple[int, str, str, str], Tally] = defaultdict(Tally)
        self.links = Links()
        self.breaks: list[Result] = []
        self.early: list[tuple[str, matching.Entry]] = []
        self.missing = 0
        self._opened_at = connection.ops.adapt_datetimefield_value(now)
        self.old = (
            Run.objects.filter(
                file__feed=self.feed, file__identity=file.identity, state=Run.State.DONE
            )
            .exclude(file=file)
            .first()
        )
        self._renewed = time.monotonic()
        self.statement: Statement | None = None

    def run(self) -> None:
        self.told = settlement.options(self.feed)
        self.statement = statement = settlement.open_statement(
            self.feed.format, settlement.stored(self.file), self.told, name=self.file.name
        )
        self.run_row = self._open_run()
        with ExitStack() as unfinished:
            keep = Slice(Path(settings.VAR_DIR) / self.run_row.slice_path)
            unfinished.callback(keep.discard)
            ledger = NightLedger(
                self.feed, statement.period_from, statement.period_to,
                instead_of=self.old.pk if self.old else 0, keep=keep,
                settles=not statement.is_summary,
            )  # fmt: skip
            csv = exports.Writer(
                exports.csv_file(self.run_row), feed=self.feed, statement=statement,
                zone=self.told["timezone"],
            )  # fmt: skip
            unfinished.callback(csv.discard)
            for results in self._matched(statement, ledger):
                csv.add(results)
            settlement.refuse_the_future(statement, self.file.received_at)
            warnings = settlement.refuse_if_wrong(statement, sum(self.outcomes.values()))
            left = matching.left_over(
                ledger, currencies=statement.covers_currencies, stores=statement.covers_stores
            )
            csv.add(left)
            self.breaks += left
            self.missing = len(left)
            ledger.entries.clear()
            self._write_rows(statement)
            slice_sha, csv_sha = keep.finish(), csv.finish()
            unfinished.pop_all()
        self._finish(statement, warnings, csv_sha, csv.rows, slice_sha)

    def keep_period(self) -> None:
        """Note the days that a file speaks of, as far as it was read before it was refused."""
        if self.statement is not None:
            settlement.waiting_files().filter(pk=self.file.pk).update(
                period_from=self.statement.period_from, period_to=self.statement.period_to
            )

    def _open_run(self) -> Run:
        with transaction.atomic():
            self.claim.hold()
            run = Run.objects.create(
                file=self.file, feed=self.feed, engine=ENGINE, layout=self.feed.format,
                layout_options=self.told, token=self.claim.token, started_at=timezone.now(),
            )  # fmt: skip
            run.csv_path, run.slice_path = f"recon/{run.pk}.csv", f"recon/{run.pk}.slice"
            run.save(update_fields=["csv_path", "slice_path"])
        return run

    # --- matching

    def _matched(self, statement: Statement, ledger: NightLedger) -> Iterator[list[Result]]:
        lines = settlement.lines_of(statement)
        for results in matching.match_statement(statement, lines, ledger):
            self._count(results)
            self._stay_alive()
            yield results

    def _stay_alive(self) -> None:
        if time.monotonic() - self._renewed > LEASE_SECONDS / 4:
            self.claim.hold()
            self._renewed = time.monotonic()

    def _count(self, results: list[Result]) -> None:
        """Add up some results: outcomes, sums, links, breaks."""
        outcomes, tallies, linked = self.outcomes, self.tallies, matching.LINKED
        for result in results:
            outcome, line = result.outcome, result.line
            assert line is not None  # noqa: S101  (only lines come this way)
            outcomes[outcome] += 1
            tally = tallies[line.batch, line.wallet, line.currency, line.settled_currency]
            if outcome == NOT_A_PAYMENT:
                tally.other_minor += int(line.net)
                continue
            gross = int(line.gross)
            tally.lines += 1
            tally.gross_minor += gross
            tally.settled_gross_minor += int(line.settled_gross)
            tally.fee_minor += int(line.fee)
            tally.net_minor += int(line.net)
            if result.flags and "early" in result.flags.split():
                self.early.append((line.wallet, matching.unpack(result.entry)))
            if outcome == matching.MATCHED:
                tally.linked += 1
                tally.linked_minor += gross
                self.links.add(result, line)
                continue
            self.breaks.append(result)
            if outcome in linked:
                entry = matching.unpack(result.entry)
                # Expected in the entry's currency, which a wrong line may not name.
                expected = tallies[line.batch, line.wallet, entry.currency, entry.settled_currency]
                expected.linked += 1
                expected.linked_minor += int(entry.gross)
                self.links.add(result, line)

    # --- writing, in short transactions

    def _write_rows(self, statement: Statement) -> None:
        batches = self._write_batches(statement)
        if self.old:
            _turn(Link.objects.filter(run=self.old, reversed_by=None), self.run_row, self.claim)
        self._write_links(batches)
        for at in range(0, len(self.breaks), BREAKS_AT_ONCE):
            rows = [self._break(result) for result in self.breaks[at : at + BREAKS_AT_ONCE]]
            with _turn_to_write(self.claim):
                _insert("payments_break", _BREAK_COLUMNS, rows)

    def _write_batches(self, statement: Statement) -> list[int]:
        """Write the batches; return their ids in the order of the file."""
        sums: dict[int, list[Tally]] = defaultdict(list)
        for (index, *_), tally in self.tallies.items():
            sums[index].append(tally)
        batches = statement.batches
        for at in range(0, len(batches), LINKS_AT_ONCE):
            rows = []
            for index, batch in enumerate(batches[at : at + LINKS_AT_ONCE], at):
                tally = _added(sums[index])
                rows.append(
                    (self.file.pk, batch.ref, batch.wallet, batch.currency, batch.value_date,
                     tally.lines, tally.settled_gross_minor, tally.fee_minor, tally.net_minor,
                     tally.other_minor)
                )  # fmt: skip
            with _turn_to_write(self.claim):
                _insert("payments_batch", _BATCH_COLUMNS, rows)
        # Nobody else writes batches of this file, so their ids rise in the order of the rows.
        return list(self.file.batches.order_by("pk").values_list("pk", flat=True))

    def _write_links(self, batches: list[int]) -> None:
        links, run_id = self.links, self.run_row.pk
        order: Any = range(len(links.entries))
        if any(a > b for a, b in pairwise(links.entries)):
            # In the order of the unique index, so that it grows at its end.
            order = sorted(order, key=links.entries.__getitem__)
        at_once = LINKS_AT_ONCE if connection.vendor == "sqlite" else 10 * LINKS_AT_ONCE
        for at in range(0, len(order), at_once):
            chunk = order[at : at + at_once]
            equal = [
                (links.entries[index], batches[links.batches[index]], links.lines[index])
                for index in chunk
                if index not in links.differing
            ]
            others = [
                self._differing(index, run_id, batches)
                for index in chunk
                if index in links.differing
            ]
            with _turn_to_write(self.claim):
                _insert_equal_links(run_id, equal)
                _insert("payments_link", _LINK_COLUMNS, others)

    def _differing(self, index: int, run_id: int, batches: list[int]) -> tuple[Any, ...]:
        """Return the row of a link whose settled amounts are not simply the ledger's."""
        links = self.links
        result = links.differing[index]
        line = result.line
        assert line is not None  # noqa: S101  (only lines are linked)
        rule = "equal" if result.outcome == matching.MATCHED else "differs"
        return (
            links.entries[index], run_id, batches[links.batches[index]], links.lines[index], rule,
            int(line.settled_gross), int(line.fee), line.settled_currency, line.rate,
        )  # fmt: skip

    def _break(self, result: Result) -> tuple[Any, ...]:
        line = result.line
        entry = matching.unpack(result.entry) if result.entry else None
        if line is not None:
            wallet, kind, ref = line.wallet, line.kind, line.ref
        else:
            wallet, kind, ref = result.key.split(matching.US, 2)
        currency = entry.currency if entry else line.currency if line else ""
        return (
            self.run_row.pk, self.file.pk, self.feed.pk, wallet[:20], result.outcome, result.flags,
            int(entry.id) if entry else None, line.no if line else None, ref[:64], kind[:16],
            currency[:3], int(entry.gross) if entry else None, int(line.gross) if line else None,
            json.dumps(line or ()), result.note, entry.business_date if entry else None,
            Break.State.OPEN.value, self._opened_at, "",
        )  # fmt: skip

    # --- the one transaction that makes it count

    def _finish(
        self,
        statement: Statement,
        warnings: list[Problem],
        csv_sha: str,
        csv_rows: int,
        slice_sha: str,
    ) -> None:
        outcomes = dict(self.outcomes)
        if self.missing:
            outcomes[matching.MISSING_IN_SETTLEMENT] = self.missing
        roll_forward = self._roll_forward(statement)
        with transaction.atomic():
            self.claim.hold()
            if self.old:
                self._reverse(self.old)
            self._close_what_it_settles()
            self._close_what_it_corrects()
            self._stay_written_off()
            if self.old:
                self._report_what_it_leaves(self.old, statement)
            Run.objects.filter(pk=self.run_row.pk, state=Run.State.WRITING).update(
                state=Run.State.DONE, finished_at=timezone.now(), records=statement.records,
                lines=sum(self.outcomes.values()), matched=self.outcomes[matching.MATCHED],
                outcomes=outcomes, totals=self._totals(), roll_forward=roll_forward,
                csv_sha256=csv_sha, csv_rows=csv_rows, slice_sha256=slice_sha,
            )  # fmt: skip
            moved = settlement.waiting_files().filter(pk=self.file.pk).update(
                state=SettlementFile.State.RECONCILED, period_from=statement.period_from,
                period_to=statement.period_to, settled_at=self.now, sequence=statement.sequence,
                sequence_of=statement.sequence_of[:80], is_summary=statement.is_summary,
                warnings=[[p.code, p.line_no, p.text] for p in warnings],
            )  # fmt: skip
            if not moved:
                raise leases.LeaseLost(f"File {self.file.pk} is no longer waiting.")
            declared.compare(self.file, run=self.run_row, now=self.now)
            audit.record(
                "payments.file.reconciled", self.file, at=self.now, label=self.feed.code,
                outcomes=outcomes, csv_sha256=csv_sha,
            )  # fmt: skip

    def _reverse(self, old: Run) -> None:
        Run.objects.filter(pk=old.pk, state=Run.State.DONE).update(state=Run.State.REVERSED)
        SettlementFile.objects.filter(pk=old.file_id, state=SettlementFile.State.RECONCILED).update(
            state=SettlementFile.State.SUPERSEDED
        )
        Break.objects.filter(run=old, state=Break.State.OPEN).update(
            state=Break.State.CLOSED, closed_at=self.now, closed_by_run=self.run_row,
            closing_note=f"A corrected version came: {self.file.name}.",
        )  # fmt: skip
        # What the old version had closed is open again, unless this one settles it too.
        Break.objects.filter(closed_by_run=old, run__state=Run.State.DONE).update(
            state=Break.State.OPEN, closed_at=None, closed_by_run=None, closing_note=""
        )
        audit.record("payments.file.superseded", old.file, at=self.now, by_file=self.file.pk)

    def _close_what_it_settles(self) -> None:
        """Close the breaks of entries that earlier files lacked and this one brings."""
        settled = Break.objects.filter(
            feed=self.feed, state=Break.State.OPEN, run__state=Run.State.DONE,
            outcome=Break.Outcome.MISSING_IN_SETTLEMENT, entry__links__run=self.run_row,
        ).values_list("pk", "entry__links__line_no")  # fmt: skip
        for pk, line_no in list(settled):
            Break.objects.filter(pk=pk, state=Break.State.OPEN).update(
                state=Break.State.CLOSED, closed_at=self.now, closed_by_run=self.run_row,
                closing_note=f"Settled late, in {self.file.name} line {line_no}.",
            )  # fmt: skip

    def _close_what_it_corrects(self) -> None:
        """Close the red breaks of earlier versions of the file that could not be taken."""
        note = f"A corrected version came: {self.file.name}."
        refused = Break.objects.filter(
            feed=self.feed, state=Break.State.OPEN, outcome=Break.Outcome.FILE_QUARANTINED,
            file__identity=self.file.identity, file__version__lt=self.file.version,
        )  # fmt: skip
        for red in refused.order_by("pk"):
            closed = Break.objects.filter(pk=red.pk, state=Break.State.OPEN).update(
                state=Break.State.CLOSED, closed_at=self.now, closed_by_run=self.run_row,
                closing_note=note,
            )  # fmt: skip
            if closed:
                audit.record("payments.break.closed", red, at=self.now, note=note)

    def _stay_written_off(self) -> None:
        """Keep an entry written off that another version of its file lacked before."""
        missing = Break.Outcome.MISSING_IN_SETTLEMENT
        written_off = Break.objects.filter(
            feed=self.feed, state=Break.State.WRITTEN_OFF, outcome=missing
        ).order_by("pk")
        if not written_off:
            return
        told = {of.entry_id: of for of in written_off}
        again = Break.objects.filter(
            run=self.run_row, outcome=missing, entry__in=written_off.order_by().values("entry")
        )
        for found in again:
            earlier = told[found.entry_id]
            Break.objects.filter(pk=found.pk, state=Break.State.OPEN).update(
                state=Break.State.WRITTEN_OFF, closed_at=earlier.closed_at,
                closed_by=earlier.closed_by_id, closing_note=earlier.closing_note,
            )  # fmt: skip

    def _report_what_it_leaves(self, old: Run, statement: Statement) -> None:
        """Open breaks for entries of other days that only the version before had settled.

        They stand under the file of their own day, where it was read and does not say so.
        """
        missing = Break.Outcome.MISSING_IN_SETTLEMENT
        told = Break.objects.filter(
            entry=OuterRef("pk"), outcome=missing, run__state=Run.State.DONE
        ).filter(~Q(state=Break.State.CLOSED) | Q(closed_by_run=None))
        off = Break.objects.filter(
            entry=OuterRef("pk"), outcome=missing, state=Break.State.WRITTEN_OFF
        )
        settled = Link.objects.filter(entry=OuterRef("pk"), run=self.run_row)
        left = (
            LedgerEntry.objects.filter(links__run=old)
            .exclude(business_date__range=(statement.period_from, statement.period_to))
            .filter(~Exists(settled), ~Exists(told), ~Exists(off))
            .select_related("wallet")
            .order_by("pk")
        )
        for entry in left:
            run = Run.objects.filter(
                feed=self.feed, state=Run.State.DONE, file__period_from__lte=entry.business_date,
                file__period_to__gte=entry.business_date, file__is_summary=False,
            ).order_by("-pk").first()  # fmt: skip
            if run is None:
                continue
            Break.objects.create(
                run=run, file_id=run.file_id, feed=self.feed, wallet=entry.wallet.code,
                outcome=missing, entry=entry, wallet_ref=entry.wallet_ref, kind=entry.kind,
                currency=entry.currency, expected_minor=entry.gross_minor, opened_at=self.now,
                note=f"Was settled by {old.file.name}, and not by the version that replaced it.",
                business_date=entry.business_date,
            )  # fmt: skip

    def _totals(self) -> list[dict[str, Any]]:
        grouped: dict[tuple[str, str], list[Tally]] = defaultdict(list)
        for (_batch, _wallet, currency, settled_currency), tally in self.tallies.items():
            if tally.lines or tally.other_minor:
                grouped[currency, settled_currency].append(tally)
        totals = []
        for (currency, settled_currency), tallies in sorted(grouped.items()):
            total = asdict(_added(tallies))
            del total["linked"], total["linked_minor"]
            totals.append({"currency": currency, "settled_currency": settled_currency, **total})
        return totals

    # --- the roll-forward

    def _roll_forward(self, statement: Statement) -> list[dict[str, Any]]:
        """Return opening open + new due - settled - written off = closing open.

        By wallet and price currency, as counts and minor units. Runs of a feed follow each
        other: one opens with what the run before it left open, and entries of nights that
        brought no readable file come in as new due when a later period passes them.
        """
        before = (
            Run.objects.filter(feed=self.feed)
            .exclude(state=Run.State.WRITING)
            .order_by("-pk")
            .first()
        )
        known = {
            (row["wallet"], row["currency"]): row for row in (before.roll_forward if before else [])
        }
        opening = {key: row["closing"] for key, row in known.items()}
        ahead = _kept(known, "settled_ahead")
        new_due = self._new_due(statement, ahead)
        settled = _Sums()
        for (_batch, wallet, currency, _settled_currency), tally in self.tallies.items():
            if tally.linked:
                settled.add((wallet, currency), tally.linked, tally.linked_minor)
        if self.old:
            settled.take_away(_summed(LedgerEntry.objects.filter(links__run=self.old)))
        all_off = self._all_written_off()
        written_off = _Sums(all_off)
        written_off.take_away(_kept(known, "all_written_off"))
        rows = []
        for key in sorted({*opening, *new_due, *settled, *written_off}):
            start = opening.get(key, {"count": 0, "minor": 0})
            due, done, off = (
                dict(zip(("count", "minor"), part.get(key, (0, 0)), strict=True))
                for part in (new_due, settled, written_off)
            )
            closing = {
                unit: start[unit] + due[unit] - done[unit] - off[unit]
                for unit in ("count", "minor")
            }
            row = {
                "wallet": key[0], "currency": key[1], "opening": start, "new_due": due,
                "settled": done, "written_off": off, "closing": closing,
            }  # fmt: skip
            for name, sums in (("settled_ahead", ahead), ("all_written_off", all_off)):
                if any(sums.get(key, ())):
                    row[name] = dict(zip(("count", "minor"), sums[key], strict=True))
            rows.append(row)
        return rows

    def _new_due(self, statement: Statement, ahead: _Sums) -> _Sums:
        """Return what comes in as due, by wallet and currency; bring ``ahead`` up to date.

        Those are the entries of days that no period had passed before. An entry that is
        settled before its day (``ahead`` adds these up) comes in when it is settled, and
        not again with its day.
        """
        if statement.is_summary:
            return _Sums()
        entries = LedgerEntry.objects.filter(feed=self.feed)
        passed = SettlementFile.objects.filter(
            feed=self.feed, runs__state__in=[Run.State.DONE, Run.State.REVERSED], is_summary=False
        ).aggregate(last=Max("period_to"))["last"]
        reach = max(passed or statement.period_to, statement.period_to)
        fresh = entries.filter(business_date__lte=reach)
        if passed:
            fresh = fresh.filter(business_date__gt=passed)
        new_due = _Sums(_summed(fresh))
        changes = _Sums()
        for wallet, entry in self.early:
            if entry.business_date > reach.isoformat():
                changes.add((wallet, entry.currency), 1, int(entry.gross))
        if any(count for count, _minor in ahead.values()):
            # The links of the version before this one are turned already and still count.
            before = Link.objects.filter(entry=OuterRef("pk"), run__state=Run.State.DONE).filter(
                Q(reversed_by=None) | Q(reversed_by=self.run_row)
            )
            come = _summed(fresh.filter(Exists(before)))
            new_due.take_away(come)
            ahead.take_away(come)
            if self.old:
                beyond = entries.filter(business_date__gt=reach, links__run=self.old)
                changes.take_away(_summed(beyond))
        for sums in (new_due, ahead):
            for key, (count, minor) in changes.items():
                sums.add(key, count, minor)
        return new_due

    def _all_written_off(self) -> _Sums:
        """Return the entries that were ever written off and that no line has settled since."""
        off = Break.objects.filter(
            feed=self.feed, state=Break.State.WRITTEN_OFF,
            outcome=Break.Outcome.MISSING_IN_SETTLEMENT,
        )  # fmt: skip
        settled = Link.objects.filter(entry=OuterRef("pk"), reversed_by=None).filter(
            Q(run__state=Run.State.DONE) | Q(run=self.run_row)
        )
        entries = LedgerEntry.objects.filter(pk__in=off.values("entry"))
        return _Sums(_summed(entries.filter(~Exists(settled))))


class _Sums(dict[tuple[str, str], tuple[int, int]]):
    """(Count, minor units) of entries by wallet and currency."""

    def add(self, key: tuple[str, str], count: int, minor: int) -> None:
        had = self.get(key, (0, 0))
        self[key] = had[0] + count, had[1] + minor

    def take_away(self, other: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        for key, (count, minor) in other.items():
            self.add(key, -count, -minor)


def _kept(known: dict[tuple[str, str], dict[str, Any]], name: str) -> _Sums:
    """Return the sums that the run before left for this one; rows without them had none."""
    return _Sums(
        (key, (row[name]["count"], row[name]["minor"])) for key, row in known.items() if name in row
    )


def _codes() -> dict[int, str]:
    return dict(Wallet.objects.values_list("pk", "code"))


def _summed(entries: Any) -> dict[tuple[str, str], tuple[int, int]]:
    codes = _codes()
    grouped = entries.values("wallet_id", "currency").annotate(n=Count("pk"), s=Sum("gross_minor"))
    return {
        (codes[row["wallet_id"]], row["currency"]): (row["n"], row["s"])
        for row in grouped.order_by("wallet_id", "currency")
    }


_BATCH_COLUMNS = (
    "file_id", "settlement_ref", "wallet", "currency", "value_date", "lines", "gross_minor",
    "fee_minor", "net_minor", "other_minor",
)  # fmt: skip
_LINK_COLUMNS = (
    "entry_id", "run_id", "batch_id", "line_no", "rule", "settled_gross_minor",
    "settled_fee_minor", "settled_currency", "fx_rate",
)  # fmt: skip
_BREAK_COLUMNS = (
    "run_id", "file_id", "feed_id", "wallet", "outcome", "flags", "entry_id", "line_no",
    "wallet_ref", "kind", "currency", "expected_minor", "settled_minor", "line", "note",
    "business_date", "state", "opened_at", "closing_note",
)  # fmt: skip


def _insert_equal_links(run_id: int, rows: list[tuple[int, int, int]]) -> None:
    """Write links of (entry, batch, line number) that equal their entries: nearly all of them."""
    names = "entry_id, batch_id, line_no, run_id, rule, settled_currency, fx_rate"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            rest = f"{run_id}\tequal\t\t\n"
            text = "".join([f"{entry}\t{batch}\t{no}\t{rest}" for entry, batch, no in rows])
            with cursor.copy(f"COPY payments_link ({names}) FROM STDIN") as copy:
                copy.write(text)
        else:
            cursor.executemany(
                f"INSERT INTO payments_link ({names}) "  # noqa: S608
                f"VALUES (%s, %s, %s, {run_id:d}, 'equal', '', '')",
                rows,
            )


def _insert(table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Write plain rows the quickest way the database has.

    Model instances cost ten times as much, and a night has a million of these.
    """
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608
