"""What is done with a mapping: drafted, changed, tried on a sample, switched on and off.

A mapping is one version of a description. Only a draft changes, and a change undoes its trial;
what is in use never changes, a new version takes its place. Files that are read by night are
read by the version that is switched on, so switching moves the feed in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from portal.core import audit
from portal.core.models import User
from wallets.formats import mapped
from wallets.formats.statement import NOT_A_PAYMENT, Line, Problem, Statement, Unreadable
from wallets.models import Feed, Mapping, Wallet

LARGEST_SAMPLE = 20 * 1024**2
LARGEST_UNPACKED = 256 * 1024**2
SHOWN_LINES = 20
SHOWN_PROBLEMS = 50
SHOWN_BATCHES = 50
LONGEST_PERIOD = timedelta(days=366)


class CannotDo(Exception):
    """An act that the state of a mapping does not allow; the message says what to do."""


@dataclass
class Trial:
    """What a sample said: the verdict that is kept, and the first rows, which are not."""

    verdict: dict[str, Any]
    lines: list[Line] = field(default_factory=list)
    raw: dict[int, str] = field(default_factory=dict)
    is_kept: bool = False


def draft(
    *, wallet: Wallet, name: str, description: dict[str, Any], by: User, now: datetime
) -> Mapping:
    """Begin the first version of a mapping. Raises CannotDo when the name is taken."""
    with transaction.atomic():
        if Mapping.objects.filter(wallet=wallet, name=name).exists():
            raise CannotDo(
                _("There is a mapping “%(name)s” already; make a new version of it.")
                % {"name": name}
            )
        made = _write(wallet, name, 1, description, by, now)
        audit.record("wallets.mapping.drafted", made, by=by, at=now, wallet=wallet.code)
    return made


def new_version(mapping: Mapping, *, by: User, now: datetime) -> Mapping:
    """Copy a version into a draft. Raises CannotDo while there is a draft of it."""
    same = Mapping.objects.filter(wallet=mapping.wallet, name=mapping.name)
    with transaction.atomic():
        waiting = same.filter(state=Mapping.State.DRAFT).order_by("version").first()
        if waiting is not None:
            raise CannotDo(
                _("Version %(version)s is a draft already; change that one.")
                % {"version": waiting.version}
            )
        number = (same.aggregate(last=Max("version"))["last"] or 0) + 1
        made = _write(mapping.wallet, mapping.name, number, mapping.description, by, now)
        audit.record(
            "wallets.mapping.drafted", made, by=by, at=now, wallet=mapping.wallet.code,
            copied_from=mapping.version,
        )  # fmt: skip
    return made


def _write(
    wallet: Wallet, name: str, version: int, description: dict[str, Any], by: User, now: datetime
) -> Mapping:
    try:
        with transaction.atomic():
            return Mapping.objects.create(
                wallet=wallet, name=name, version=version, description=description,
                created_at=now, created_by=by,
            )  # fmt: skip
    except IntegrityError:
        raise CannotDo(_("Somebody else was quicker; look at the list of mappings.")) from None


def change(mapping: Mapping, *, description: dict[str, Any], by: User, now: datetime) -> None:
    """Write down another description in a draft; what its trial said does not hold any more."""
    if mapping.state == Mapping.State.DRAFT and mapping.description == description:
        return
    with transaction.atomic():
        changed = Mapping.objects.filter(pk=mapping.pk, state=Mapping.State.DRAFT).update(
            description=description, trial={}, tried_at=None, sample_name="", sample_sha256=""
        )
        if not changed:
            raise CannotDo(_("Only a draft can be changed; make a new version of this one."))
        audit.record("wallets.mapping.changed", mapping, by=by, at=now, description=description)
    mapping.refresh_from_db()


def try_out(mapping: Mapping, *, name: str, path: Path, by: User, now: datetime) -> Trial:
    """Read a sample by a mapping to its end; a draft keeps the verdict.

    Of the sample itself only name and hash are kept. A version that was in use keeps the
    verdict that it was switched on by.
    """
    told = {
        "wallet": mapping.wallet.code, "timezone": mapping.wallet.timezone, "name": name,
        "mapping": mapping.description, "max_bytes": LARGEST_SAMPLE,
        "max_unpacked_bytes": LARGEST_UNPACKED,
    }  # fmt: skip
    trial = _read(path, told)
    with path.open("rb") as file:
        digest = sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
    trial.verdict["layout"] = "mapped"
    with transaction.atomic():
        # Locks the row, so that the description that was read by is the one that stays.
        drafts = Mapping.objects.filter(pk=mapping.pk, state=Mapping.State.DRAFT)
        if drafts.update(state=Mapping.State.DRAFT):
            if drafts.get().description != mapping.description:
                raise CannotDo(_("The draft was changed meanwhile; try it again."))
            drafts.update(
                trial=trial.verdict, tried_at=now, sample_name=name[:254],
                sample_sha256=digest.hexdigest(),
            )  # fmt: skip
            trial.is_kept = True
        audit.record(
            "wallets.mapping.tried", mapping, by=by, at=now, sample=name[:254],
            sha256=digest.hexdigest(), good=trial.verdict["good"],
            payments=trial.verdict["payments"], errors=trial.verdict["errors_count"],
        )  # fmt: skip
    mapping.refresh_from_db()
    return trial


def can_be_switched_on(mapping: Mapping) -> bool:
    """Tell whether the latest trial read a sample whole, with at least one payment."""
    return bool(mapping.tried_at and mapping.trial.get("good"))


def switch_on(mapping: Mapping, *, by: User, now: datetime) -> None:
    """Have the wallet's feed read by this version; every other one of the wallet goes off."""
    with transaction.atomic():
        feeds = Feed.objects.filter(wallet=mapping.wallet)
        # Locks the feed's row: of two that switch at once, one waits.
        if not feeds.update(format="mapped", mapping=mapping):
            raise CannotDo(_("This wallet has no feed yet; add one on the wallet's page first."))
        mapping.refresh_from_db()
        if not can_be_switched_on(mapping):
            raise CannotDo(
                _("Try it on a sample first: it must be read whole, with at least one payment.")
            )
        others = Mapping.objects.filter(wallet=mapping.wallet, state=Mapping.State.ON)
        for other in others.exclude(pk=mapping.pk):
            others.filter(pk=other.pk).update(state=Mapping.State.OFF)
            audit.record(
                "wallets.mapping.switched_off", other, by=by, at=now, successor=mapping.version
            )
        moved = (
            Mapping.objects.filter(pk=mapping.pk, tried_at=mapping.tried_at)
            .exclude(state=Mapping.State.ON)
            .update(state=Mapping.State.ON, switched_on_at=now, switched_on_by=by)
        )
        if not moved:
            raise CannotDo(_("It is in use already, or was changed meanwhile."))
        audit.record(
            "wallets.mapping.switched_on", mapping, by=by, at=now, wallet=mapping.wallet.code,
            sample=mapping.sample_name, sha256=mapping.sample_sha256,
        )  # fmt: skip
    mapping.refresh_from_db()


def switch_off(mapping: Mapping, *, by: User, now: datetime) -> None:
    """Stop reading by this version. Files that come before another is on are refused whole."""
    with transaction.atomic():
        Feed.objects.filter(wallet=mapping.wallet, mapping=mapping).update(mapping=None)
        moved = Mapping.objects.filter(pk=mapping.pk, state=Mapping.State.ON).update(
            state=Mapping.State.OFF
        )
        if not moved:
            raise CannotDo(_("It is not in use."))
        audit.record(
            "wallets.mapping.switched_off", mapping, by=by, at=now, wallet=mapping.wallet.code
        )
    mapping.refresh_from_db()


# --- the trial


def _read(path: Path, told: dict[str, Any]) -> Trial:
    """Read a sample to its end, or as far as it goes."""
    statement: Statement | None = None
    problems: list[Problem] = []
    seen = _Seen()
    try:
        statement = mapped.read(path, told)
        for line in statement.lines:
            seen.take(line)
    except Unreadable as refused:
        problems.append(refused.problem)
    if statement is not None:
        problems = [*statement.problems, *problems]
        problems += _odd(statement, seen.count, problems)
    errors = [problem for problem in problems if problem.is_error]
    warnings = [problem for problem in problems if not problem.is_error]
    wanted = {line.no for line in seen.first}
    wanted |= {problem.line_no for problem in (errors + warnings)[:SHOWN_LINES]} - {0}
    verdict: dict[str, Any] = {
        "good": not errors and seen.payments > 0,
        "lines": seen.count, "payments": seen.payments,
        "records": statement.records if statement else 0,
        "others": statement.others if statement else 0,
        "errors_count": len(errors), "warnings_count": len(warnings),
        "errors": [_shown(problem) for problem in errors[:SHOWN_PROBLEMS]],
        "warnings": [_shown(problem) for problem in warnings[:SHOWN_PROBLEMS]],
        "totals": [{"currency": key, **sums} for key, sums in sorted(seen.sums.items())],
        **(_facts(statement, seen) if statement else {}),
    }  # fmt: skip
    try:
        raw = mapped.raw_rows(path, told, wanted)
    except Unreadable:
        raw = {}
    return Trial(verdict, seen.first, raw)


def _shown(problem: Problem) -> dict[str, Any]:
    return {"code": problem.code, "line": problem.line_no, "text": problem.text[:1_000]}


def _odd(statement: Statement, lines: int, problems: list[Problem]) -> list[Problem]:
    """Return what a night would refuse a whole file for, besides what the reader says."""
    if statement.period_to - statement.period_from > LONGEST_PERIOD:
        text = (
            f"The file covers {statement.period_from} to {statement.period_to}, more than a "
            "year. Look at the form of its dates, or at where its days stand."
        )
        return [Problem("bad_date", 0, text)]
    if any(problem.is_error for problem in problems) or lines:
        return []
    return [Problem(
        "empty", 0, "Not one row is a payment, so nothing is proved. Try a file with payments.",
    )]  # fmt: skip


@dataclass
class _Seen:
    """Counts and sums of the lines of a sample, and the first of them."""

    count: int = 0
    payments: int = 0
    first: list[Line] = field(default_factory=list)
    sums: dict[str, dict[str, int]] = field(default_factory=dict)
    batches: dict[int, dict[str, int]] = field(default_factory=dict)

    def take(self, line: Line) -> None:
        self.count += 1
        if len(self.first) < SHOWN_LINES:
            self.first.append(line)
        names = ("sale", "refund", NOT_A_PAYMENT, "gross", "fee", "net")
        sums = self.sums.setdefault(line.settled_currency, dict.fromkeys(names, 0))
        sums[line.kind] += 1
        self.payments += line.kind != NOT_A_PAYMENT
        batch = self.batches.setdefault(
            line.batch, dict.fromkeys(("count", "gross", "fee", "net"), 0)
        )
        batch["count"] += 1
        for name, text in (("gross", line.settled_gross), ("fee", line.fee), ("net", line.net)):
            sums[name] += int(text)
            batch[name] += int(text)


def _facts(statement: Statement, seen: _Seen) -> dict[str, Any]:
    return {
        "identity": statement.identity, "sequence": statement.sequence,
        "period": [statement.period_from.isoformat(), statement.period_to.isoformat()],
        "batches_count": len(statement.batches),
        "batches": [
            {
                "ref": batch.ref, "wallet": batch.wallet, "currency": batch.currency,
                "value_date": batch.value_date.isoformat() if batch.value_date else "",
                **seen.batches.get(index, {"count": 0, "gross": 0, "fee": 0, "net": 0}),
                "declared": {
                    "count": batch.declared_count, "gross": batch.declared_gross_minor,
                    "fee": batch.declared_fee_minor, "net": batch.declared_net_minor,
                },
            }
            for index, batch in enumerate(statement.batches[:SHOWN_BATCHES])
        ],
    }  # fmt: skip
