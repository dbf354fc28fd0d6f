"""Receive a settlement file once (hash, store, unwrap), and read it whole or refuse it."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from payments.models import Break, Delivery, SettlementFile
from portal.core import audit, leases
from portal.core.models import User
from portal.core.secrets import reveal
from wallets import feeds, formats, wrapping
from wallets.formats.statement import Line, Problem, Statement, Unreadable
from wallets.models import Feed

logger = logging.getLogger(__name__)

HEAD_BYTES = 65_536
COPY_BYTES = 1 << 20
KEPT_WARNINGS = 200
LONGEST_PERIOD = timedelta(days=366)
LONGEST_SHOWN_LINE = 10_000
WORK_PREFIX = ".open-"
STALE_WORK_SECONDS = 86_400
UNOPENED = "unopened "
"""How the identity of a file begins that could not be unwrapped: the partner's is inside."""
WRAPPING_SUFFIXES = (".gz", ".gzip", ".zip", ".pgp", ".gpg", ".asc")
MENDABLE = frozenset(
    {
        "bad_archive", "cannot_decrypt", "not_encrypted", "not_signed", "bad_signature",
        "too_large", "empty", "gave_up", "internal",
    }
)  # fmt: skip
"""Why a file was quarantined, where the cause may be mended on our side or was passing."""


class StillGrowing(Exception):
    """A file that is not as long as it was said to be: it is still being written."""


class CannotReadAgain(Exception):
    """A file that is not in a state to be read again; the message says why."""


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


# --- the store


@dataclass(frozen=True)
class Stored:
    """Bytes in the store: SHA-256, how many, and where below the store they lie."""

    sha256: str
    size: int
    path: str


def store(path: Path, *, size: int | None = None) -> Stored:
    """Copy a file into the store by its hash; raise StillGrowing when it has not that size."""
    root = Path(settings.FILES_DIR)
    root.mkdir(parents=True, exist_ok=True)
    digest, copied = sha256(), 0
    with tempfile.NamedTemporaryFile(dir=root, delete=False) as copy, path.open("rb") as source:
        try:
            while data := source.read(COPY_BYTES):
                digest.update(data)
                copied += len(data)
                copy.write(data)
            if size is not None and copied != size:
                raise StillGrowing(f"{copied} bytes instead of {size}")
            copy.flush()
            os.fsync(copy.fileno())
        except BaseException:
            os.unlink(copy.name)
            raise
    name = digest.hexdigest()
    kept = root / name[:2] / name
    kept.parent.mkdir(exist_ok=True)
    os.replace(copy.name, kept)
    return Stored(name, copied, f"{name[:2]}/{name}")


def stored(file: SettlementFile) -> Path:
    """Return where the bytes of a file lie."""
    return Path(settings.FILES_DIR) / file.path


def as_it_came(delivery: Delivery) -> Path:
    """Return where the bytes of a delivery lie as they came, still wrapped."""
    return Path(settings.FILES_DIR) / (delivery.path or delivery.file.path)


def _signature_beside(path: Path) -> Path:
    """Return where the detached signature of stored bytes is kept, if one came with them."""
    return path.with_name(f"{path.name}.sig")


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for files on their way into the store, on the same disk."""
    root = Path(settings.FILES_DIR)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=WORK_PREFIX) as folder:
        yield Path(folder)


def sweep_work() -> None:
    """Remove what killed processes left in the store a day ago and longer."""
    root = Path(settings.FILES_DIR)
    for left in (*root.glob(f"{WORK_PREFIX}*"), *root.glob("tmp*")):
        try:
            if time.time() - left.stat().st_mtime < STALE_WORK_SECONDS:
                continue
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        except FileNotFoundError:
            continue


# --- taking in


def receive(*, feed: Feed, name: str, path: Path, now: datetime) -> Delivery:
    """Take in one file that is no archive of several; see :func:`take_in`."""
    return take_in(feed=feed, name=name, path=path, now=now)[0]


def take_in(
    *,
    feed: Feed,
    name: str,
    path: Path,
    now: datetime,
    signature: Path | None = None,
    size: int | None = None,
) -> list[Delivery]:
    """Take in what came under a name; return a delivery for each file inside, at least one.

    The same name with the same bytes is the same delivery. Equal identity and bytes: the file
    was sent again. Equal identity, other bytes: a new version; bytes of an older version, while
    a later one counts, are told apart and do not count. Another identity is another file,
    whatever its bytes. What cannot be unwrapped is quarantined as it came.

    ``signature`` is a detached one that lay beside it, ``size`` what the place said. Raises
    StillGrowing, OSError, and secrets.CannotDecrypt when our own key cannot be had.
    """
    name = feeds.shown(name, feeds.LONGEST_NAME)
    came = store(path, size=size)
    lies = Path(settings.FILES_DIR) / came.path
    if signature is not None:
        shutil.copyfile(signature, _signature_beside(lies))
    if known := _known(feed, name, came):
        return [_came_again(known, has_signature=signature is not None, now=now)]
    with work_folder() as folder:
        try:
            found = _unwrapped(feed, name, lies, folder)
        except Unreadable as error:
            return [_take_unopened(feed, name, came, error.problem, now=now)]
        with transaction.atomic():
            _lock(feed)
            if known := _known(feed, name, came):
                return [known]
            adopt_unopened(feed, name, found[0].identity, now=now)
            return [_deliver(feed, one, came, now=now) for one in found]


@dataclass(frozen=True)
class _Inside:
    """A settlement file found in a delivery: what it is called and what it is."""

    delivery_name: str
    name: str
    identity: str
    bytes: Stored
    content: wrapping.Content


def _unwrapped(feed: Feed, name: str, path: Path, folder: Path) -> list[_Inside]:
    """Unwrap stored bytes and store what is inside; raise Unreadable."""
    beside = _signature_beside(path)
    contents = wrapping.unwrap(
        path, rules=wrapping_of(feed), folder=folder,
        signature=beside if beside.exists() else None,
    )  # fmt: skip
    found = []
    for content in contents:
        delivered = name
        if content.entry:
            delivered = feeds.shown(f"{name}/{content.entry}", feeds.LONGEST_NAME)
        inner = name_inside(name, content, is_wrapped=content.path != path)
        with content.path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        identity = identity_of(feed, inner, head)
        kept = (
            Stored(path.name, path.stat().st_size, f"{path.parent.name}/{path.name}")
            if content.path == path
            else store(content.path)
        )
        found.append(_Inside(delivered, inner, feeds.shown(identity, 160), kept, content))
    return found


def identity_of(feed: Feed, name: str, head: bytes) -> str:
    """Return what a layout says which file this is, of its name and its first bytes.

    A layout that finds nothing inside says the bare name. In a folder of each day that is the
    same every day, and would make each day's file a new version of the one before: there the
    folders belong to it.
    """
    layout, told = formats.get(feed.format), options(feed)
    identity = str(layout.identify(name, head, told))
    path = PurePosixPath(name)
    if len(path.parts) > 1 and identity == path.stem:
        other = path.with_name(f"other-{path.name}")
        if layout.identify(str(other), head, told) == other.stem:
            return str(path.with_suffix(""))
    return identity


def wrapping_of(feed: Feed) -> wrapping.Rules:
    """Return what a feed says about what its files are wrapped in."""
    return wrapping.Rules(
        entry_pattern=feed.entry_pattern, must_be_encrypted=feed.must_be_encrypted,
        must_be_signed=feed.must_be_signed, private=lambda: reveal(feed.pgp_key),
        public=feed.partner_key,
    )  # fmt: skip


def name_inside(name: str, content: wrapping.Content, *, is_wrapped: bool) -> str:
    """Return what a file found in a delivery of that name is called.

    It is in the folder in which the delivery lay, whatever folders are in an archive.
    """
    if content.entry:
        within, slash, _archive = name.rpartition("/")
        name = within + slash + content.entry.replace("\\", "/").rpartition("/")[2]
    if is_wrapped:
        name = _without_suffixes(name)
    return feeds.shown(name, feeds.LONGEST_NAME)


def _without_suffixes(name: str) -> str:
    """Return the name that a file had before it was wrapped; layouts may look at it."""
    while name.lower().endswith(WRAPPING_SUFFIXES) and not name.startswith("."):
        name = name.rpartition(".")[0]
    return name


def _lock(feed: Feed) -> None:
    """Lock the feed's row, so that two collectors of one feed queue up here."""
    Feed.objects.filter(pk=feed.pk).update(active=feed.active)


def _known(feed: Feed, name: str, came: Stored) -> Delivery | None:
    """Return the delivery that these bytes under this name were before."""
    # Deliveries from before their bytes were kept have no hash of their own.
    same = Q(sha256=came.sha256) | Q(sha256="", file__sha256=came.sha256)
    return Delivery.objects.filter(same, feed=feed, name=name).select_related("file").first()


def _came_again(known: Delivery, *, has_signature: bool, now: datetime) -> Delivery:
    """Return a delivery that lies there again; say so where that is not simply nothing new."""
    file = known.file
    if has_signature and is_unopened(file) and file.reason_code in {"not_signed", "bad_signature"}:
        # Its signature has come, or another one.
        with suppress(CannotReadAgain, Refused):
            read_again(file, by=None, now=now)
        known.refresh_from_db()
        return known
    newest = Delivery.objects.filter(feed=known.feed_id, name=known.name).order_by("-pk").first()
    if newest is not None and newest.pk != known.pk and _is_outdated(file):
        with transaction.atomic():
            turned = (
                Delivery.objects.filter(pk=known.pk)
                .exclude(result=Delivery.Result.OLD_VERSION)
                .update(result=Delivery.Result.OLD_VERSION, arrived_at=now)
            )
            if turned:
                known.refresh_from_db()
                _record(known, file.size, now=now)
    return known


def is_unopened(file: SettlementFile) -> bool:
    """Tell whether a file could not be unwrapped, so that nobody knows which one is inside."""
    return file.identity.startswith(UNOPENED)


def _later_that_counts(file: SettlementFile) -> QuerySet[SettlementFile]:
    return SettlementFile.objects.filter(
        feed=file.feed_id, identity=file.identity, version__gt=file.version,
        state__in=[SettlementFile.State.RECEIVED, SettlementFile.State.RECONCILED],
    )  # fmt: skip


def _is_outdated(file: SettlementFile) -> bool:
    """Tell whether a later version of a file counts, or is about to."""
    return _later_that_counts(file).exists()


def _next_version(feed: Feed, identity: str) -> int:
    last = SettlementFile.objects.filter(feed=feed, identity=identity).order_by("-version").first()
    return last.version + 1 if last else 1


def _judged(feed: Feed, one: _Inside) -> tuple[str, SettlementFile | None]:
    """Return the result of an arrival, and the file that has its bytes already, if one has."""
    versions = SettlementFile.objects.filter(feed=feed, identity=one.identity)
    same = versions.filter(sha256=one.bytes.sha256).order_by("version").last()
    if same is not None:
        outdated = _is_outdated(same)
        return Delivery.Result.OLD_VERSION if outdated else Delivery.Result.RESENT, same
    return Delivery.Result.NEW_VERSION if versions.exists() else Delivery.Result.NEW, None


def _deliver(feed: Feed, one: _Inside, came: Stored, *, now: datetime) -> Delivery:
    """Write down one file of a delivery; in the transaction of the whole."""
    if known := Delivery.objects.filter(
        feed=feed, name=one.delivery_name, sha256=came.sha256
    ).first():
        return known
    result, same = _judged(feed, one)
    file = same or SettlementFile.objects.create(
        feed=feed, name=one.name, identity=one.identity, sha256=one.bytes.sha256,
        size=one.bytes.size, path=one.bytes.path, version=_next_version(feed, one.identity),
        received_at=now,
    )  # fmt: skip
    delivery = Delivery.objects.create(
        feed=feed, file=file, name=one.delivery_name, result=result, arrived_at=now,
        sha256=came.sha256, path=came.path, was_encrypted=one.content.was_encrypted,
        signed_by=one.content.signed_by,
    )  # fmt: skip
    _record(delivery, came.size, now=now)
    return delivery


def _record(delivery: Delivery, size: int, *, now: datetime) -> None:
    audit.record(
        f"payments.delivery.{delivery.result}", delivery, at=now, label=delivery.feed.code,
        sha256=delivery.sha256, size=size, was_encrypted=delivery.was_encrypted,
        signed_by=delivery.signed_by,
    )  # fmt: skip
    if delivery.result == Delivery.Result.OLD_VERSION:
        logger.warning(
            "feed %s sent an older version of %s again; the later one still counts",
            delivery.feed.code, delivery.file.identity,
        )  # fmt: skip


def _take_unopened(
    feed: Feed, name: str, came: Stored, problem: Problem, *, now: datetime
) -> Delivery:
    """Quarantine what cannot be unwrapped: its bytes are kept as they came."""
    identity = feeds.shown(f"{UNOPENED}{name}", 160)
    with transaction.atomic():
        _lock(feed)
        if known := _known(feed, name, came):
            return known
        file = SettlementFile.objects.create(
            feed=feed, name=name, identity=identity, sha256=came.sha256, size=came.size,
            path=came.path, version=_next_version(feed, identity), received_at=now,
        )  # fmt: skip
        first = file.version == 1
        delivery = Delivery.objects.create(
            feed=feed, file=file, name=name, arrived_at=now, sha256=came.sha256, path=came.path,
            result=Delivery.Result.NEW if first else Delivery.Result.NEW_VERSION,
        )  # fmt: skip
        _record(delivery, came.size, now=now)
        quarantine(file, problem, now=now)
        file.refresh_from_db()
    return delivery


def adopt_unopened(feed: Feed, name: str, identity: str, *, now: datetime) -> None:
    """Make what could not be unwrapped under this name an earlier version of what now could."""
    unopened = SettlementFile.objects.filter(
        feed=feed, identity=feeds.shown(f"{UNOPENED}{name}", 160),
        state=SettlementFile.State.QUARANTINED,
    )  # fmt: skip
    for file in unopened.order_by("version"):
        unopened.filter(pk=file.pk).update(identity=identity, version=_next_version(feed, identity))
        _close_quarantine(file, f"{name} came again and could be opened.", by=None, now=now)


def _close_quarantine(file: SettlementFile, note: str, *, by: User | None, now: datetime) -> None:
    Break.objects.filter(
        file=file, outcome=Break.Outcome.FILE_QUARANTINED, state=Break.State.OPEN
    ).update(state=Break.State.CLOSED, closed_at=now, closed_by=by, closing_note=note)


# --- reading again


def can_read_again(file: SettlementFile) -> bool:
    """Tell whether finance may have a file read again: see :func:`read_again`."""
    if file.state == SettlementFile.State.QUARANTINED:
        return file.reason_code in MENDABLE and not _is_outdated(file)
    return file.state == SettlementFile.State.SUPERSEDED and _came_back(file)


def _came_back(file: SettlementFile) -> bool:
    return Delivery.objects.filter(file=file, result=Delivery.Result.OLD_VERSION).exists()


def read_again(file: SettlementFile, *, by: User | None, now: datetime) -> list[SettlementFile]:
    """Have a file read once more; return the files that now wait, or hold what was inside.

    A quarantined one, after its cause was mended: what could not be unwrapped is unwrapped from
    the bytes as they came, what was given up is tried from the start. Or an older version that
    the partner sent again while a later one counts: its bytes become the newest version.
    Raises CannotReadAgain, and Refused when the cause is still there.
    """
    if not can_read_again(file):
        raise CannotReadAgain(
            "Only a quarantined file whose cause can be mended here is read again, and only "
            "while no later version counts."
        )
    if file.state == SettlementFile.State.SUPERSEDED:
        return [_count_again(file, by=by, now=now)]
    if is_unopened(file):
        return _open_again(file, by=by, now=now)
    with transaction.atomic():
        _lock(file.feed)
        if _is_outdated(file):
            raise CannotReadAgain("A later version of the file has come in the meantime.")
        _back_to_received(file, by=by, now=now)
    return [file]


def _back_to_received(
    file: SettlementFile, *, by: User | None, now: datetime, **changes: Any
) -> None:
    """Turn a quarantined file into one that waits, or raise CannotReadAgain."""
    moved = SettlementFile.objects.filter(
        pk=file.pk, state=SettlementFile.State.QUARANTINED, identity=file.identity
    ).update(
        **{
            "state": SettlementFile.State.RECEIVED, "attempts": 0, "reason_code": "",
            "reason_text": "", "reason_line": None, "settled_at": None, **changes,
        }
    )  # fmt: skip
    if not moved:
        raise CannotReadAgain("Somebody else has had the file read again in the meantime.")
    code, sha = file.reason_code, file.sha256
    file.refresh_from_db()
    who = f" by {by.email}" if by else ""
    _close_quarantine(file, f"Read again{who}; it was {code}.", by=by, now=now)
    audit.record(
        "payments.file.read_again", file, by=by, at=now, label=file.feed.code, code=code,
        was_sha256=sha, sha256=file.sha256, state=file.state,
    )  # fmt: skip


def _open_again(file: SettlementFile, *, by: User | None, now: datetime) -> list[SettlementFile]:
    feed = file.feed
    delivery = file.deliveries.order_by("pk").first()
    if delivery is None:
        raise CannotReadAgain("The bytes as they came are not known.")
    came = Stored(file.sha256, file.size, file.path)
    with work_folder() as folder:
        try:
            found = _unwrapped(feed, delivery.name, as_it_came(delivery), folder)
        except Unreadable as error:
            problem = error.problem
            SettlementFile.objects.filter(
                pk=file.pk, state=SettlementFile.State.QUARANTINED, identity=file.identity
            ).update(reason_code=problem.code, reason_text=problem.text)
            Break.objects.filter(
                file=file, outcome=Break.Outcome.FILE_QUARANTINED, state=Break.State.OPEN
            ).update(flags=problem.code, note=problem.text)
            raise Refused(problem) from None
        with transaction.atomic():
            _lock(feed)
            one, version = found[0], _next_version(feed, found[0].identity)
            result, same = _judged(feed, one)
            inside: dict[str, Any] = {"identity": one.identity, "version": version}
            facts = {
                "was_encrypted": one.content.was_encrypted, "signed_by": one.content.signed_by,
            }  # fmt: skip
            if one.content.entry:
                # An archive: what is in it are files of their own.
                _refuse_overtaken(file, found)
                _back_to_received(file, by=by, now=now, state=_SUPERSEDED, settled_at=now, **inside)
                return [_deliver(feed, each, came, now=now).file for each in found]
            if same is not None:
                # It has come in another way since.
                _back_to_received(file, by=by, now=now, state=_SUPERSEDED, settled_at=now, **inside)
                Delivery.objects.filter(pk=delivery.pk).update(file=same, result=result, **facts)
                return [same]
            inside |= {
                "name": one.name, "sha256": one.bytes.sha256, "size": one.bytes.size,
                "path": one.bytes.path,
            }  # fmt: skip
            if _overtaken(file, one.identity):
                # Whether these older bytes shall count after all is for finance to say.
                result = Delivery.Result.OLD_VERSION
                inside |= {"state": _SUPERSEDED, "settled_at": now}
            _back_to_received(file, by=by, now=now, **inside)
            Delivery.objects.filter(pk=delivery.pk).update(result=result, **facts)
            return [file]


_SUPERSEDED = SettlementFile.State.SUPERSEDED


def _overtaken(file: SettlementFile, identity: str) -> bool:
    """Tell whether a version counts that arrived after this file did."""
    return SettlementFile.objects.filter(
        feed=file.feed_id, identity=identity, received_at__gt=file.received_at,
        state__in=[SettlementFile.State.RECEIVED, SettlementFile.State.RECONCILED],
    ).exists()  # fmt: skip


def _refuse_overtaken(file: SettlementFile, found: list[_Inside]) -> None:
    for one in found:
        if _overtaken(file, one.identity):
            raise CannotReadAgain(
                f"A version of {one.delivery_name} that came later counts already; close the "
                "break instead."
            )


def _count_again(file: SettlementFile, *, by: User | None, now: datetime) -> SettlementFile:
    """Make the bytes of a superseded version the newest one, which then is read."""
    with transaction.atomic():
        _lock(file.feed)
        again = SettlementFile.objects.create(
            feed=file.feed, name=file.name, identity=file.identity, sha256=file.sha256,
            size=file.size, path=file.path, received_at=now,
            version=_next_version(file.feed, file.identity),
        )  # fmt: skip
        moved = Delivery.objects.filter(file=file, result=Delivery.Result.OLD_VERSION).update(
            file=again, result=Delivery.Result.NEW_VERSION
        )
        if not moved:
            raise CannotReadAgain("Somebody else has had the file read again in the meantime.")
        audit.record(
            "payments.file.counted_again", again, by=by, at=now, label=file.feed.code,
            version=again.version, was_version=file.version,
        )  # fmt: skip
    return again


# --- reading


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


def refuse_the_future(statement: Statement, received_at: datetime) -> None:
    """Raise Refused for days that are far from having been when the file came.

    A mistyped century would count every later payment as passed already.
    """
    if statement.period_to > received_at.date() + LONGEST_PERIOD:
        text = (
            f"The file covers days up to {statement.period_to}, which are far ahead. Ask the "
            "partner for the right dates."
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
