"""Replay a finished run from its file and its kept ledger: same engine, same bytes."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from django.conf import settings

from payments import exports, matching, settlement
from payments.ledger import KeptLedger
from payments.models import Run


class NotTheSame(Exception):
    """A replay gave other bytes than the run recorded; nothing was kept of it."""


def replay(run: Run, *, to: Path) -> str:
    """Make the CSV of a run again; return its SHA-256, or raise NotTheSame.

    Uses the stored bytes of the file, the layout it was read in and the ledger slice that the
    run kept, and nothing that may have changed since.
    """
    file = run.file
    kept = settlement.stored(file)
    if _hash(kept) != file.sha256:
        raise NotTheSame(f"The stored bytes of {file.name} are not those that were received.")
    statement = settlement.open_statement(run.layout, kept, run.layout_options, name=file.name)
    ledger = KeptLedger(Path(settings.VAR_DIR) / run.slice_path)
    writer = exports.Writer(
        to.with_name(to.name + ".replay"), feed=file.feed, statement=statement,
        zone=run.layout_options["timezone"],
    )  # fmt: skip
    try:
        lines = settlement.lines_of(statement)
        for results in matching.match_statement(statement, lines, ledger):
            writer.add(results)
        writer.add(
            matching.left_over(
                ledger, currencies=statement.covers_currencies, stores=statement.covers_stores
            )
        )
    except BaseException:
        writer.discard()
        raise
    made = writer.finish()
    if made != run.csv_sha256:
        writer.path.unlink()
        raise NotTheSame(f"The replay of {file.name} gave {made}, recorded is {run.csv_sha256}.")
    writer.path.replace(to)
    return made


def _hash(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
