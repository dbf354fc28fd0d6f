"""Receive a settlement file once (hash, store), and read it whole or refuse it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from payments.models import Break, Delivery, SettlementFile
from portal.core import audit, leases
from wallets import formats
from wallets.formats.statement import Line, Problem, Statement, Unreadable
from wallets.models import Feed

HEAD_BYTES = 65_536
COPY_BYTES = 1 << 20
KEPT_WARNINGS = 200
LONGEST_PERIOD = timedelta(days=366)
LONGEST_SHOWN_LINE = 10_000


class Refused(Exception):
    """A file that cannot be taken as a whole; carries the problem that decides."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def lease_name(feed_id: int) -> str:
    return f"feed:{feed_id}"


def waiting_files() -> QuerySet[SettlementFile]:
    return SettlementFile.objects.filter(state=SettlementFile.State.RECEIVED)


def feeds_with_work(*, now: datetime) -> list[int]:
    """Return the ids of feeds with files to read that nobody is working on."""
    feed_ids = list(
        waiting_files().order_by("feed_id").values_list("feed_id", flat=True).distinct()
    )
    held = leases.busy([lease_name(pk) for pk in feed_ids], now=now)
    return [pk for pk in feed_ids if lease_name(pk) not in held]


def options(feed: Feed) -> dict[str, Any]:
    """Return what a layout is told beside the bytes."""
    told = {**feed.options, "wallet": feed.wallet.code, "timezone": feed.wallet.timezone}
    if feed.mapping is not None:
        told["mapping"] = feed.mapping.description
    return told


def store(path: Path) -> tuple[str, int, str]:
    """Copy a file into the store by its hash; return (SHA-256, bytes, path in the store)."""
    root = Path(settings.FILES_DIR)
    root.mkdir(parents=True, exist_ok=True)
    digest, size = sha256(), 0
    with tempfile.NamedTemporaryFile(dir=root, delete=False) as copy, path.open("rb") as source:
        try:
            while data := source.read(COPY_BYTES):
                digest.update(data)
                size += len(data)
                copy.write(data)
            copy.flush()
            os.fsync(copy.fileno())
        except BaseException:
            os.unlink(copy.name)
            raise
    name = digest.hexdigest()
    kept = root / name[:2] / name
    kept.parent.mkdir(exist_ok=True)
    os.replace(copy.name, kept)
    return name, size, f"{name[:2]}/{name}"


def stored(file: SettlementFile) -> Path:
    """Return where the bytes of a file lie."""
    return Path(settings.FILES_DIR) / file.path


def _shown(text: str, longest: int) -> str:
    """Return a text as one that any database and page can hold, different for different texts.

    A name may have bytes that are no text, control characters, or no end.
    """
    plain = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
    if len(plain) <= longest:
        return plain
    return f"{plain[: longest - 17]}~{sha256(plain.encode()).hexdigest()[:16]}"


def receive(*, feed: Feed, name: str, path: Path, now: datetime) -> Delivery:
    """Take in one delivery; the same name again is the same delivery.

    Equal identity and bytes: the file was sent again. Equal identity, other bytes: a new
    version. Another identity is another file, whatever its bytes.
    """
    name = _shown(name, 254)
    if known := Delivery.objects.filter(feed=feed, name=name).first():
        return known
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    identity = _shown(formats.get(feed.format).identify(name, head, options(feed)), 160)
    sha, size, kept = store(path)
    with transaction.atomic():
        # Locks the feed's row, so that two collectors of one feed queue up here.
        Feed.objects.filter(pk=feed.pk).update(active=feed.active)
        if known := Delivery.objects.filter(feed=feed, name=name).first():
            return known
        versions = list(
            SettlementFile.objects.filter(feed=feed, identity=identity).order_by("version")
        )
        same = next((version for version in versions if version.sha256 == sha), None)
        result = Delivery.Result.RESENT if same else Delivery.Result.NEW
        if same is None and versions:
            result = Delivery.Result.NEW_VERSION
        taken = same or SettlementFile.objects.create(
            feed=feed, name=name, identity=identity, sha256=sha, size=size, path=kept,
            version=versions[-1].version + 1 if versions else 1, received_at=now,
        )  # fmt: skip
        delivery = Delivery.objects.create(
            feed=feed, file=taken, name=name, result=result, arrived_at=now
        )
        audit.record(
            f"payments.delivery.{result}", delivery, at=now, label=feed.code, sha256=sha, size=size
        )
    return delivery


def open_statement(layout: str, path: Path, told: dict[str, Any], *, name: str = "") -> Statement:
    """Begin to read a file in a layout, with its options; raise Refused when it is not in it.

    ``name`` is what the partner called it, where the path does not: some layouts say their
    day nowhere else.
    """
    try:
        statement: Statement = formats.get(layout).read(path, {**told, "name": name or path.name})
    except Unreadable as error:
        raise Refused(error.problem) from None
    _refuse_endless_period(statement)
    return statement


def _refuse_endless_period(statement: Statement) -> None:
    """Raise Refused for a mistyped year: it would make every payment due and absent."""
    if statement.period_to - statement.period_from > LONGEST_PERIOD:
        text = (
            f"The file covers {statement.period_from} to {statement.period_to}, more than a "
            "year. Ask the partner for the right dates."
        )
        raise Refused(Problem("bad_date", 0, text))


def lines_of(statement: Statement) -> Iterator[Line]:
    """Stream the lines; raise Refused when reading cannot go on."""
    try:
        yield from statement.lines
    except Unreadable as error:
        raise Refused(error.problem) from None
    # Some layouts know their last day only now.
    _refuse_endless_period(statement)


def refuse_if_wrong(statement: Statement, lines: int) -> list[Problem]:
    """Return the warnings of a statement read to its end; raise Refused on the first error."""
    for problem in statement.problems:
        if problem.is_error:
            raise Refused(problem)
    if statement.records != lines + statement.others:
        raise Refused(
            Problem(
                "records_uncounted", 0,
                f"{statement.records} records, but {lines} lines and {statement.others} others: "
                "something was skipped.",
            )
        )  # fmt: skip
    return statement.problems[:KEPT_WARNINGS]


def quarantine(file: SettlementFile, problem: Problem, *, now: datetime) -> None:
    """Refuse a file as a whole: its bytes stay, it says why, and one red break stands for it."""
    with transaction.atomic():
        moved = waiting_files().filter(pk=file.pk).update(
            state=SettlementFile.State.QUARANTINED, reason_code=problem.code,
            reason_text=problem.text, reason_line=problem.line_no or None, settled_at=now,
        )  # fmt: skip
        if not moved:
            return
        Break.objects.create(
            file=file, feed=file.feed, wallet=file.feed.wallet.code,
            outcome=Break.Outcome.FILE_QUARANTINED, flags=problem.code,
            line_no=problem.line_no or None, note=problem.text, opened_at=now,
        )  # fmt: skip
        audit.record(
            "payments.file.quarantined", file, at=now, label=file.feed.code,
            code=problem.code, line=problem.line_no,
        )  # fmt: skip


def raw_line(file: SettlementFile, line_no: int) -> str:
    """Return one line of a file as it came, for people; empty when there is none.

    Bytes that are no UTF-8 are shown as Latin-1. A workbook has no lines to show.
    """
    if line_no < 1:
        return ""
    with stored(file).open("rb") as source:
        if source.read(4) == b"PK\x03\x04":
            return ""
        source.seek(0)
        number = 1
        # In pieces: a file may be one line of two gigabytes.
        while line := source.readline(COPY_BYTES):
            if number == line_no:
                shown = line[:LONGEST_SHOWN_LINE].rstrip(b"\r\n")
                try:
                    return shown.decode()
                except UnicodeDecodeError:
                    return shown.decode("latin-1")
            number += line.endswith(b"\n")
    return ""
