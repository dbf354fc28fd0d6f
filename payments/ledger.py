"""The ledger of a night: the entries a file must account for, packed by the database.

Both databases emit the same texts (see payments.matching), so there is one engine.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from merchants.models import Enrolment
from payments.matching import US, Found
from payments.models import Break, Run
from wallets.models import Feed, Wallet

RS = "\x1e"
ASK_AT_ONCE = 500

_PACKED = (
    "e.store_ref || '{US}' || e.currency || '{US}' || e.gross_minor || '{US}' || "
    "e.settlement_currency || '{US}' || e.settlement_minor || '{US}' || e.fee_minor || '{US}' || "
    "e.id || '{US}' || e.business_date || '{US}' || e.due_on || '{US}' || e.acquirer_id || '{US}' "
    "|| e.location_id || '{US}' || e.fee_vat_minor || '{US}' || e.fx_rate || '{US}' || {occurred} "
    "|| '{US}' || e.merchant_ref"
)


def _columns() -> str:
    occurred = (
        "to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        if connection.vendor == "postgresql"
        else "substr(e.occurred_at, 1, 19)"
    )
    packed = _PACKED.format(US=US, occurred=occurred)
    return f"w.code || '{US}' || e.kind || '{US}' || e.wallet_ref, {packed}"


def _open_entries(
    feed: Feed, first: date, last: date, instead_of: int
) -> Iterator[tuple[str, str]]:
    """Stream (key, packed) of the entries of a period that no other run has settled."""
    sql = (
        f"SELECT {_columns()} "  # noqa: S608  (built from constants only)
        "FROM payments_ledgerentry e JOIN wallets_wallet w ON w.id = e.wallet_id "
        "WHERE e.feed_id = %s AND e.business_date BETWEEN %s AND %s AND NOT EXISTS ("
        "SELECT 1 FROM payments_link l WHERE l.entry_id = e.id "
        "AND l.reversed_by_id IS NULL AND l.run_id <> %s)"
    )
    values: list[Any] = [feed.pk, first, last, instead_of]
    if connection.vendor == "postgresql":
        # A named cursor streams; the plain one would hold the whole night twice.
        with transaction.atomic():
            connection.ensure_connection()
            with connection.connection.cursor(name="night") as cursor:
                cursor.itersize = 20_000
                cursor.execute(sql, values)
                yield from cursor
    else:
        with connection.cursor() as cursor:
            cursor.execute(sql, [feed.pk, first.isoformat(), last.isoformat(), instead_of])
            while rows := cursor.fetchmany(20_000):
                yield from rows


def _reported(feed: Feed, instead_of: int) -> set[str]:
    """Return the keys of entries that another file of the feed was found to lack.

    Where files overlap in their days, an entry is missed once: a line for it is found by its
    id all the same.
    """
    rows = (
        Break.objects.filter(
            feed=feed, outcome=Break.Outcome.MISSING_IN_SETTLEMENT, run__state=Run.State.DONE,
            state__in=[Break.State.OPEN, Break.State.WRITTEN_OFF],
        )
        .exclude(run=instead_of)
        .values_list("wallet", "kind", "wallet_ref")
    )  # fmt: skip
    return {US.join(row) for row in rows.iterator()}


class Slice:
    """Writes what matching saw of the ledger, compressed, so that a night can be replayed.

    Compressing runs in a thread of its own, because zlib lets go of the interpreter.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("wb")
        self._zip = zlib.compressobj(1)
        self._hash = sha256()
        self._thread = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def add(self, records: list[str]) -> None:
        if records:
            self._wait()
            self._last = self._thread.submit(self._write, "\n".join(records) + "\n")

    def _write(self, text: str) -> None:
        data = text.encode()
        self._hash.update(data)
        self._file.write(self._zip.compress(data))

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()

    def finish(self) -> str:
        """Complete the file; return the SHA-256 of its uncompressed text."""
        self._wait()
        self._thread.shutdown()
        self._file.write(self._zip.flush())
        self._file.close()
        return self._hash.hexdigest()

    def discard(self) -> None:
        self._thread.shutdown()
        self._file.close()
        self.path.unlink(missing_ok=True)


class NightLedger:
    """The ledger as one file's matching asks for it, from the database.

    A file that ``settles`` nothing, because it only declares totals, has no entries due.
    """

    def __init__(
        self, feed: Feed, first: date, last: date, *, instead_of: int = 0,
        keep: Slice | None = None, settles: bool = True,
    ) -> None:  # fmt: skip
        self.feed = feed
        self.instead_of = instead_of
        self._settles = settles
        self._reported = _reported(feed, instead_of)
        self._keep = keep
        self._wallets = dict(Wallet.objects.values_list("code", "pk"))
        self.entries: dict[str, str] = {}
        stream = _open_entries(feed, first, last, instead_of) if settles else iter(())
        while chunk := list(islice(stream, 20_000)):
            rows = [row for row in chunk if row[0] not in self._reported]
            self.entries.update(rows)
            self._remember(f"E{RS}{key}{RS}{packed}" for key, packed in rows)

    def widen(self, first: date, last: date) -> None:
        """Take in more business days, when a file's period proved longer than its start said."""
        if not self._settles:
            return
        rows = [
            (key, packed)
            for key, packed in _open_entries(self.feed, first, last, self.instead_of)
            if key not in self.entries and key not in self._reported
        ]
        self.entries.update(rows)
        self._remember(f"W{RS}{key}{RS}{packed}" for key, packed in rows)

    def _remember(self, records: Iterable[str]) -> None:
        if self._keep is not None:
            self._keep.add(list(records))

    def probe(self, keys: list[str]) -> dict[str, Found]:
        """Find movements of this feed by key, with the line that settled them before."""
        found: dict[str, Found] = {}
        for at in range(0, len(keys), ASK_AT_ONCE):
            found.update(self._probe_some(keys[at : at + ASK_AT_ONCE]))
        self._remember(
            f"P{RS}{key}{RS}{hit.entry}{RS}{hit.settled_in}" for key, hit in found.items()
        )
        return found

    def _probe_some(self, keys: list[str]) -> Iterator[tuple[str, Found]]:
        wanted = [key.split(US, 2) for key in keys]
        values: list[Any] = [self.instead_of]
        groups: dict[tuple[str, str], list[str]] = {}
        for wallet, kind, ref in wanted:
            if wallet in self._wallets:
                groups.setdefault((wallet, kind), []).append(ref)
        if not groups:
            return
        conditions = []
        for (wallet, kind), refs in groups.items():
            marks = ", ".join(["%s"] * len(refs))
            conditions.append(f"(e.wallet_id = %s AND e.kind = %s AND e.wallet_ref IN ({marks}))")
            values += [self._wallets[wallet], kind, *refs]
        sql = (
            f"SELECT {_columns()}, coalesce(f.name || ' line ' || l.line_no, ''), "  # noqa: S608
            "e.feed_id "
            "FROM payments_ledgerentry e JOIN wallets_wallet w ON w.id = e.wallet_id "
            "LEFT JOIN payments_link l ON l.entry_id = e.id AND l.reversed_by_id IS NULL "
            "AND l.run_id <> %s "
            "LEFT JOIN payments_run r ON r.id = l.run_id "
            "LEFT JOIN payments_settlementfile f ON f.id = r.file_id "
            f"WHERE {' OR '.join(conditions)}"
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            for key, packed, settled_in, feed_id in cursor.fetchall():
                # Told apart here: with the feed in the question SQLite walks the whole night
                # by its date instead of looking the ids up.
                if feed_id == self.feed.pk:
                    yield key, Found(packed, settled_in)

    def known_stores(self, stores: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of the (wallet code, store reference) pairs that are enrolled."""
        known: set[tuple[str, str]] = set()
        refs = sorted({store for _wallet, store in stores})
        for at in range(0, len(refs), ASK_AT_ONCE):
            known |= stores & set(
                Enrolment.objects.filter(store_ref__in=refs[at : at + ASK_AT_ONCE]).values_list(
                    "wallet__code", "store_ref"
                )
            )
        self._remember(f"S{RS}{wallet}{RS}{store}" for wallet, store in sorted(known))
        return known


class KeptLedger:
    """The ledger as a finished run saw it, from its slice; for a replay."""

    def __init__(self, path: Path) -> None:
        self.entries: dict[str, str] = {}
        self._wider: dict[str, str] = {}
        self._found: dict[str, Found] = {}
        self._stores: set[tuple[str, str]] = set()
        for record in _records(path):
            sort, _, rest = record.partition(RS)
            if sort in "EW":
                key, _, packed = rest.partition(RS)
                (self.entries if sort == "E" else self._wider)[key] = packed
            elif sort == "P":
                key, packed, settled_in = rest.split(RS)
                self._found[key] = Found(packed, settled_in)
            else:
                wallet, _, store = rest.partition(RS)
                self._stores.add((wallet, store))

    def probe(self, keys: list[str]) -> dict[str, Found]:
        return {key: self._found[key] for key in keys if key in self._found}

    def known_stores(self, stores: set[tuple[str, str]]) -> set[tuple[str, str]]:
        return stores & self._stores

    def widen(self, first: date, last: date) -> None:
        self.entries.update(self._wider)


def _records(path: Path) -> Iterator[str]:
    unzip = zlib.decompressobj()
    rest = b""
    with path.open("rb") as kept:
        while data := kept.read(1 << 20):
            *whole, rest = (rest + unzip.decompress(data)).split(b"\n")
            for record in whole:
                yield record.decode()
