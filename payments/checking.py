"""Say what a file would be judged to be, for whoever is about to send it. Stores nothing."""

from __future__ import annotations

import json
import logging
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from hashlib import file_digest
from pathlib import Path
from typing import Any, NamedTuple

from django.db import DatabaseError

from merchants.models import Enrolment
from payments import reasons, settlement
from payments.models import Delivery, SettlementFile
from portal.core.secrets import CannotDecrypt
from wallets import feeds, wrapping
from wallets.formats.statement import (
    NOT_A_PAYMENT,
    Batch,
    Line,
    Problem,
    Statement,
    Unreadable,
)
from wallets.models import Feed

logger = logging.getLogger(__name__)

LISTED = 1_000
"""Problems, and batches, that a verdict lists one by one; it counts all of them."""

EXAMPLES = 20
LONGEST_RAW = 300
ASK_AT_ONCE = 500
MOST_REMEMBERED = 50_000

FIGURES = ("count", "gross_minor", "fee_minor", "net_minor")


@dataclass
class Sum:
    """Lines of one currency, in minor units; ``others`` are its rows that are no payments.

    ``declared`` adds up what the batches of the currency declare, figure by figure, where
    every one of them does.
    """

    lines: int = 0
    gross_minor: int = 0
    fee_minor: int = 0
    net_minor: int = 0
    others: int = 0
    other_minor: int = 0
    declared: dict[str, int] = field(default_factory=dict)
    differs: list[str] = field(default_factory=list)


class BatchSum(NamedTuple):
    """A batch as it is declared and as its lines add up: (count, gross, fee, net), minor units.

    ``differs`` names the figures that are declared and are not what the lines add up to.
    """

    ref: str
    wallet: str
    currency: str
    value_date: date | None
    declared: tuple[int | None, int | None, int | None, int | None]
    found: tuple[int, int, int, int]
    differs: list[str]


@dataclass(frozen=True)
class Relation:
    """What the file would be beside those that were received; ``result`` as of a delivery.

    ``version`` is the one it would be, or the one it repeats, whose ``state`` is told;
    ``file_id`` is the version it repeats or would stand instead of.
    """

    result: str
    version: int = 1
    state: str = ""
    file_id: int | None = None


@dataclass
class Verdict:
    """What a file would be judged to be; nothing of it is stored.

    ``problems`` are the first :data:`LISTED`, errors before warnings; ``errors`` and
    ``warnings`` count all. ``raw`` has their lines as they came, by number. ``unknown`` are
    examples of (wallet, store, lines, first line) that no location is enrolled as. Of a
    file that came wrapped, ``came_in`` is the name of the whole.
    """

    feed: str = ""
    layout: str = ""
    name: str = ""
    came_in: str = ""
    was_encrypted: bool = False
    signed_by: str = ""
    size: int = 0
    sha256: str = ""
    fits_pattern: bool = True
    problems: list[Problem] = field(default_factory=list)
    errors: int = 0
    warnings: int = 0
    raw: dict[int, str] = field(default_factory=dict)
    identity: str = ""
    sequence: int | None = None
    sequence_of: str = ""
    is_summary: bool = False
    period_from: date | None = None
    period_to: date | None = None
    read_to_end: bool = False
    records: int = 0
    lines: int = 0
    others: int = 0
    not_payments: int = 0
    sums: dict[str, Sum] = field(default_factory=dict)
    batches: list[BatchSum] = field(default_factory=list)
    batch_count: int = 0
    batches_differing: int = 0
    unknown: list[tuple[str, str, int, int]] = field(default_factory=list)
    unknown_lines: int = 0
    unknown_stores: int = 0
    not_looked_up: int = 0
    relation: Relation | None = None

    @property
    def is_accepted(self) -> bool:
        return not self.errors

    @property
    def is_compared(self) -> bool:
        """Tell whether what is declared could be compared with the lines.

        Not where a record could not be read, which explains any difference, and not in a
        summary, whose lines come with other files.
        """
        return self.read_to_end and not self.problem_records and not self.is_summary

    @property
    def problem_records(self) -> int:
        """Return how many records could not be read."""
        return max(self.records - self.lines - self.others, 0)


class TooLargeHere(Exception):
    """What came out of a wrapped file is larger than whoever asked can wait for."""


def check_all(
    *, feed: Feed, path: Path, name: str = "", own_wallets: Collection[str] | None = None,
    folder: Path | None = None, most_bytes: int = wrapping.MOST_BYTES,
) -> list[Verdict]:  # fmt: skip
    """Take off what a file is wrapped in, as its feed does, and check every file inside.

    What is unwrapped lies below ``folder`` (else where temporary files lie) until this
    returns. What cannot be opened gets one verdict that says why. Raises TooLargeHere.
    """
    name = feeds.shown(name or path.name, feeds.LONGEST_NAME)
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        try:
            contents = wrapping.unwrap(
                path, rules=settlement.wrapping_of(feed), folder=Path(inside)
            )
        except Unreadable as error:
            return [_unopened(feed, path, name, error.problem)]
        except CannotDecrypt:
            text = "Our own key cannot be read; the portal's operators must look."
            return [_unopened(feed, path, name, Problem("internal", 0, text))]
        if sum(content.path.stat().st_size for content in contents) > most_bytes:
            raise TooLargeHere
        return [
            _check_inside(feed, path, name, content, own_wallets=own_wallets)
            for content in contents
        ]


def _check_inside(
    feed: Feed,
    path: Path,
    name: str,
    content: wrapping.Content,
    *,
    own_wallets: Collection[str] | None,
) -> Verdict:
    is_wrapped = content.path != path
    inner = settlement.name_inside(name, content, is_wrapped=is_wrapped)
    verdict = check(feed=feed, path=content.path, name=inner, own_wallets=own_wallets)
    if is_wrapped:
        verdict.came_in = name
    verdict.was_encrypted, verdict.signed_by = content.was_encrypted, content.signed_by
    verdict.fits_pattern = _fits(feed, name)
    return verdict


def _fits(feed: Feed, name: str) -> bool:
    """Tell whether a feed is looked through for such a name; one sent to us has no folders."""
    pattern = feed.pattern if "/" in name else feed.pattern.rpartition("/")[2]
    return wrapping.fits(name, pattern)


def _unopened(feed: Feed, path: Path, name: str, problem: Problem) -> Verdict:
    return Verdict(
        feed=feed.code, layout=feed.format, name=name, size=path.stat().st_size,
        sha256=_hash(path), fits_pattern=_fits(feed, name), problems=[problem],
        errors=1,
    )  # fmt: skip


def check(
    *, feed: Feed, path: Path, name: str = "", own_wallets: Collection[str] | None = None
) -> Verdict:
    """Read a file whole in a feed's layout and say what is in it and what is wrong.

    ``name`` is what the partner calls it, where the path does not. Whether a store is known
    is told of ``own_wallets`` only (codes; None: of all): else anybody could ask for the
    shops of a rival.
    """
    name = name or path.name
    verdict = Verdict(
        feed=feed.code, layout=feed.format, name=feeds.shown(name, 254),
        size=path.stat().st_size, fits_pattern=_fits(feed, name),
    )  # fmt: skip
    reading = _Reading(verdict, own_wallets)
    try:
        _read(feed, path, name, reading)
    except settlement.Refused as refusal:
        reading.add(refusal.problem)
    except MemoryError:
        text = "The file is too large for this machine's memory."
        reading.add(Problem("too_large", 0, text))
    except (DatabaseError, OSError):
        raise
    except Exception as error:
        logger.exception("a file for feed %s could not be checked", feed.code)
        text = f"Reading it fails with {type(error).__name__}; the portal's operators must look."
        reading.add(Problem("internal", 0, text))
    reading.conclude()
    verdict.raw = lines_at(path, {problem.line_no for problem in verdict.problems})
    verdict.sha256 = _hash(path)
    _relate(verdict, feed, name, path)
    return verdict


def _read(feed: Feed, path: Path, name: str, reading: _Reading) -> None:
    told = settlement.options(feed)
    statement = reading.statement = settlement.open_statement(feed.format, path, told, name=name)
    for line in settlement.lines_of(statement):
        reading.take(line)
    reading.verdict.read_to_end = True
    settlement.refuse_if_wrong(statement, reading.verdict.lines)


class _Reading:
    """A file being read for its verdict: what its lines add up to, by batch and currency.

    Four numbers a batch, flat in one list: a file may have two hundred thousand.
    """

    def __init__(self, verdict: Verdict, own_wallets: Collection[str] | None) -> None:
        self.verdict = verdict
        self.statement: Statement | None = None
        self.found: list[int] = []
        self.sums: dict[str, Sum] = defaultdict(Sum)
        self.stores = _Stores(own_wallets)
        self.refused: list[Problem] = []

    def take(self, line: Line) -> None:
        verdict, found = self.verdict, self.found
        verdict.lines += 1
        gross, fee, net = int(line.settled_gross), int(line.fee), int(line.net)
        at = 4 * line.batch
        if at >= len(found):
            found.extend([0] * (at + 4 - len(found)))
        found[at] += 1
        found[at + 1] += gross
        found[at + 2] += fee
        found[at + 3] += net
        total = self.sums[line.settled_currency]
        if line.kind == NOT_A_PAYMENT:
            verdict.not_payments += 1
            total.others += 1
            total.other_minor += net
            return
        total.lines += 1
        total.gross_minor += gross
        total.fee_minor += fee
        total.net_minor += net
        self.stores.add(line)

    def add(self, problem: Problem) -> None:
        self.refused.append(problem)

    def conclude(self) -> None:
        """Fill the verdict with what is known now that reading has ended."""
        verdict, statement = self.verdict, self.statement
        noted = statement.problems if statement else []
        problems = [*noted, *(problem for problem in self.refused if problem not in noted)]
        verdict.errors = sum(problem.is_error for problem in problems)
        verdict.warnings = len(problems) - verdict.errors
        errors_first = sorted(problems, key=lambda problem: not problem.is_error)
        verdict.problems = errors_first[:LISTED]
        self.stores.conclude(verdict)
        verdict.sums = dict(sorted(self.sums.items()))
        if statement is None:
            return
        verdict.is_summary = statement.is_summary
        verdict.sequence, verdict.sequence_of = statement.sequence, statement.sequence_of
        verdict.period_from, verdict.period_to = statement.period_from, statement.period_to
        verdict.records, verdict.others = statement.records, statement.others
        self._compare(statement.batches)

    def _compare(self, batches: list[Batch]) -> None:
        """Set what batches declare beside what their lines add up to, those that differ first."""
        verdict = self.verdict
        verdict.batch_count = len(batches)
        differing: list[BatchSum] = []
        agreeing: list[BatchSum] = []
        declared: dict[str, list[int | None]] = {}
        found: dict[str, list[int]] = {}
        for index, batch in enumerate(batches):
            sums = self._sum_of(index, batch)
            if sums.differs:
                verdict.batches_differing += 1
            kept = differing if sums.differs else agreeing
            if len(kept) < LISTED:
                kept.append(sums)
            stated = declared.setdefault(sums.currency, [0] * 4)
            real = found.setdefault(sums.currency, [0] * 4)
            for at in range(4):
                before, now = stated[at], sums.declared[at]
                stated[at] = None if before is None or now is None else before + now
                real[at] += sums.found[at]
        verdict.batches = [*differing, *agreeing][:LISTED]
        for currency, figures in declared.items():
            total = verdict.sums.setdefault(currency, Sum())
            stated_ones = zip(FIGURES, figures, strict=True)
            total.declared = {word: stated for word, stated in stated_ones if stated is not None}
            total.differs = self._differing(figures, found[currency])

    def _sum_of(self, index: int, batch: Batch) -> BatchSum:
        count, gross, fee, net = self.found[4 * index : 4 * index + 4] or (0, 0, 0, 0)
        declared = (
            batch.declared_count, batch.declared_gross_minor, batch.declared_fee_minor,
            batch.declared_net_minor,
        )  # fmt: skip
        found = (count, gross, fee, net)
        return BatchSum(
            feeds.shown(batch.ref, 100), feeds.shown(batch.wallet, 40), batch.currency,
            batch.value_date, declared, found, self._differing(declared, found),
        )  # fmt: skip

    def _differing(self, declared: Collection[int | None], found: Collection[int]) -> list[str]:
        if not self.verdict.is_compared:
            return []
        return [
            word
            for word, stated, real in zip(FIGURES, declared, found, strict=True)
            if stated is not None and stated != real
        ]


class _Stores:
    """Counts the lines of stores that no location is enrolled as, asking some at a time.

    Beyond :data:`MOST_REMEMBERED` unknown stores, one that comes again is counted again.
    """

    def __init__(self, own_wallets: Collection[str] | None) -> None:
        self.own = None if own_wallets is None else frozenset(own_wallets)
        self.known: set[tuple[str, str]] = set()
        self.asked: dict[tuple[str, str], list[int]] = {}
        self.unknown: dict[tuple[str, str], list[int]] = {}
        self.unknown_lines = self.unknown_stores = self.not_looked_up = 0

    def add(self, line: Line) -> None:
        if self.own is not None and line.wallet not in self.own:
            self.not_looked_up += 1
            return
        pair = (line.wallet, line.store)
        if pair in self.known:
            return
        if counted := self.unknown.get(pair):
            self.unknown_lines += 1
            counted[0] += 1
        elif counted := self.asked.get(pair):
            counted[0] += 1
        else:
            self.asked[pair] = [1, line.no]
            if len(self.asked) >= ASK_AT_ONCE:
                self._ask()

    def _ask(self) -> None:
        enrolled = set(
            Enrolment.objects.filter(
                wallet__code__in={wallet for wallet, _store in self.asked},
                store_ref__in={store for _wallet, store in self.asked},
            ).values_list("wallet__code", "store_ref")
        )
        if len(self.known) > MOST_REMEMBERED:
            self.known.clear()
        for pair, counted in self.asked.items():
            if pair in enrolled:
                self.known.add(pair)
                continue
            self.unknown_lines += counted[0]
            self.unknown_stores += 1
            if len(self.unknown) < MOST_REMEMBERED:
                self.unknown[pair] = counted
        self.asked.clear()

    def conclude(self, verdict: Verdict) -> None:
        self._ask()
        verdict.unknown_lines, verdict.unknown_stores = self.unknown_lines, self.unknown_stores
        verdict.not_looked_up = self.not_looked_up
        examples = [
            (wallet, store, lines, first)
            for (wallet, store), (lines, first) in self.unknown.items()
        ]
        examples.sort(key=lambda example: (-example[2], example[3]))
        verdict.unknown = examples[:EXAMPLES]


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _relate(verdict: Verdict, feed: Feed, name: str, path: Path) -> None:
    """Tell what the file would be beside those that were received, by settlement.receive's rule."""
    identity = _identity(feed, name, path)
    verdict.identity = identity
    versions = SettlementFile.objects.filter(feed=feed, identity=identity).order_by("version")
    same = versions.filter(sha256=verdict.sha256).last()
    last = versions.last()
    if same is not None:
        later = versions.filter(
            version__gt=same.version,
            state__in=[SettlementFile.State.RECEIVED, SettlementFile.State.RECONCILED],
        )
        result = Delivery.Result.OLD_VERSION if later.exists() else Delivery.Result.RESENT
        verdict.relation = Relation(result, same.version, same.state, same.pk)
    elif last is not None:
        result = Delivery.Result.NEW_VERSION
        verdict.relation = Relation(result, last.version + 1, last.state, last.pk)
    else:
        verdict.relation = Relation(Delivery.Result.NEW)


def _identity(feed: Feed, name: str, path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(settlement.HEAD_BYTES)
    name = feeds.shown(name, 254)
    return feeds.shown(settlement.identity_of(feed, name, head), 160)


# --- lines as they came


def lines_at(path: Path, numbers: Iterable[int]) -> dict[int, str]:
    """Return lines of a file as they came, by number, for people; in one pass.

    Long ones are cut, what cannot be seen is written out, and bytes that are no UTF-8 are
    shown as Latin-1. A workbook has no lines.
    """
    wanted = {number for number in numbers if number > 0}
    found: dict[int, str] = {}
    if not wanted:
        return found
    last, number, begins = max(wanted), 1, True
    with path.open("rb") as source:
        if source.read(4) == b"PK\x03\x04":
            return found
        source.seek(0)
        # In pieces: a file may be one line of two gigabytes.
        while number <= last and (piece := source.readline(settlement.COPY_BYTES)):
            if begins and number in wanted:
                found[number] = _seen(piece.rstrip(b"\r\n"))
            begins = piece.endswith(b"\n")
            number += begins
    return found


def _seen(line: bytes) -> str:
    cut = line[: 4 * LONGEST_RAW]
    try:
        text = cut.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        # Cut inside its last letter it is UTF-8 all the same.
        is_cut = len(line) > len(cut) and error.start >= len(cut) - 3
        text = cut[: error.start].decode() if is_cut else cut.decode("latin-1")
    shown = "".join(
        letter
        if letter.isprintable() or letter == "\t"
        else letter.encode("unicode_escape").decode()
        for letter in text[:LONGEST_RAW]
    )
    return shown if len(text) <= LONGEST_RAW else shown + "…"


# --- as data


def as_data(verdicts: list[Verdict]) -> dict[str, Any]:
    """Return the verdicts on what was sent as plain data, the same for page and command.

    Amounts are minor units. Lists have up to ``listed_at_most`` rows; counts are of all.
    """
    return {
        "would_be": _would_be(all(verdict.is_accepted for verdict in verdicts)),
        "listed_at_most": LISTED,
        "files": [_file_data(verdict) for verdict in verdicts],
    }


def _would_be(is_accepted: bool) -> str:
    return "reconciled" if is_accepted else "quarantined"


def _file_data(verdict: Verdict) -> dict[str, Any]:
    relation = verdict.relation
    return {
        "would_be": _would_be(verdict.is_accepted),
        "feed": verdict.feed,
        "layout": verdict.layout,
        "file": {
            "name": verdict.name, "bytes": verdict.size, "sha256": verdict.sha256,
            "name_fits_feed": verdict.fits_pattern, "came_in": verdict.came_in,
            "encrypted": verdict.was_encrypted, "signed_by": verdict.signed_by,
        },
        "identity": verdict.identity,
        "sequence": verdict.sequence,
        "sequence_of": verdict.sequence_of,
        "period": [_iso(verdict.period_from), _iso(verdict.period_to)],
        "only_declares_totals": verdict.is_summary,
        "received_before": {
            "result": str(relation.result), "version": relation.version, "state": relation.state,
        } if relation else None,
        "read_to_the_end": verdict.read_to_end,
        "records": {
            "all": verdict.records, "lines": verdict.lines, "others": verdict.others,
            "problems": verdict.problem_records, "lines_that_are_no_payments": verdict.not_payments,
        },
        "problems": {
            "errors": verdict.errors, "warnings": verdict.warnings,
            "rows": [_problem_data(problem, verdict.raw) for problem in verdict.problems],
        },
        "currencies": [
            {
                "currency": currency, "lines": total.lines, "gross_minor": total.gross_minor,
                "fee_minor": total.fee_minor, "net_minor": total.net_minor,
                "other_rows": total.others, "other_net_minor": total.other_minor,
                "declared": total.declared, "differs": total.differs,
            }
            for currency, total in verdict.sums.items()
        ],
        "totals_compared": verdict.is_compared,
        "batches": {
            "all": verdict.batch_count, "differing": verdict.batches_differing,
            "rows": [_batch_data(batch) for batch in verdict.batches],
        },
        "unknown_locations": {
            "lines": verdict.unknown_lines, "stores": verdict.unknown_stores,
            "lines_of_other_wallets": verdict.not_looked_up,
            "examples": [
                {"wallet": wallet, "store": store, "lines": lines, "first_line": first}
                for wallet, store, lines, first in verdict.unknown
            ],
        },
    }  # fmt: skip


def as_json(data: dict[str, Any]) -> str:
    """Return the data of verdicts as text, one way everywhere."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _problem_data(problem: Problem, raw: dict[int, str]) -> dict[str, Any]:
    return {
        "line": problem.line_no or None, "code": problem.code,
        "severity": "error" if problem.is_error else "warning", "text": problem.text,
        "what_to_do": str(reasons.reason(problem.code).to_do),
        "raw_line": raw.get(problem.line_no),
    }  # fmt: skip


def _batch_data(batch: BatchSum) -> dict[str, Any]:
    stated = zip(FIGURES, batch.declared, strict=True)
    return {
        "settlement": batch.ref, "wallet": batch.wallet, "currency": batch.currency,
        "value_date": _iso(batch.value_date),
        "declared": {word: value for word, value in stated if value is not None},
        "found": dict(zip(FIGURES, batch.found, strict=True)), "differs": batch.differs,
    }  # fmt: skip
