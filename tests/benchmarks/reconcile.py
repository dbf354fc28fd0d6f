"""How long a night takes, and how much memory, beside a bare load of the same rows.

    python -m tests.benchmarks.reconcile --lines 1000000 [--feed bluecode] [--database-url URL]

Makes a ledger of that many entries and a settlement file with 2 % faults, then reconciles
it in a process of its own, CSV included, and right after it loads the file's own rows as
text into a logged table without indexes (COPY; on SQLite executemany). The last line is
JSON: lines, seconds, peak_mb, ratio_to_copy.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

DAY = date(2026, 10, 14)
NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
LOCATIONS = 2_000
FAULT_EVERY = 50
AT_ONCE = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--feed", default="bluecode")
    parser.add_argument("--database-url", default="", help="an empty database; default SQLite")
    parser.add_argument("--step", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        import django

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        django.setup()
        {"prepare": prepare, "measure": measure}[asked.step](asked)
        return
    with tempfile.TemporaryDirectory(prefix="onestile-bench-") as folder:
        environment = {
            **os.environ,
            "ONESTILE_VAR": folder,
            "REDIS_URL": "",
            "DATABASE_URL": asked.database_url or f"sqlite:///{folder}/bench.sqlite3",
        }
        for step in ("prepare", "measure"):
            subprocess.run(
                [
                    sys.executable, "-m", "tests.benchmarks.reconcile", "--step", step,
                    "--folder", folder, "--lines", str(asked.lines), "--feed", asked.feed,
                ],
                env=environment, check=True,
            )  # fmt: skip


def prepare(asked: argparse.Namespace) -> None:
    """Make the database, its ledger and the file."""
    from django.core.management import call_command

    from merchants.models import Enrolment
    from tests import builders
    from wallets import partners
    from wallets.models import Feed

    started = time.perf_counter()
    call_command("migrate", verbosity=0)
    partners.set_up(places=Path(asked.folder) / "feeds")
    feed = Feed.objects.select_related("wallet").get(code=asked.feed)
    merchant = builders.merchant(
        country=feed.wallet.home_country, company_number="1", iban="", acquirer=feed.wallet
    )
    for _ in range(LOCATIONS):
        builders.location(merchant)
    stores = list(
        Enrolment.objects.filter(wallet=feed.wallet)
        .order_by("pk")
        .values_list("location_id", "store_ref", "location__currency")
    )
    lines = []
    for at in range(0, asked.lines, AT_ONCE):
        numbers = range(at, min(at + AT_ONCE, asked.lines))
        rows = [ledger_row(number, feed, merchant.pk, stores) for number in numbers]
        insert(rows)
        lines += [
            settlement_line(number, row, feed) for number, row in zip(numbers, rows, strict=True)
        ]
    if feed.format == "vipps_xml3":
        lines.sort(key=lambda line: line.store)
    path = builders.settlement_file(Path(asked.folder), lines, feed=feed.code, day=DAY)
    print(
        f"prepared {asked.lines:,} entries and {path.stat().st_size / 1e6:.0f} MB "
        f"in {time.perf_counter() - started:.1f} s"
    )


LEDGER = (
    "id", "feed_id", "wallet_id", "acquirer_id", "merchant_id", "location_id", "kind",
    "wallet_ref", "merchant_ref", "store_ref", "currency", "gross_minor", "settlement_currency",
    "settlement_minor", "fx_rate", "fee_minor", "fee_vat_minor", "occurred_at", "business_date",
    "due_on",
)  # fmt: skip


def ledger_row(number: int, feed: Any, merchant_id: int, stores: list[Any]) -> tuple[Any, ...]:
    location_id, store, currency = stores[number % len(stores)]
    gross = 100 + number * 37 % 9_900
    moment = datetime(2026, 10, 14, 4, 0, tzinfo=UTC) + timedelta(seconds=number % 60_000)
    return (
        number + 1, feed.pk, feed.wallet_id, feed.wallet_id, merchant_id, location_id, "sale",
        str(5_000_000_000 + number), f"order-{number}", store, currency, gross, currency, gross,
        "", gross * 50 // 10_000, 0, moment.isoformat(sep=" "), DAY.isoformat(),
        (DAY + timedelta(days=1)).isoformat(),
    )  # fmt: skip


def settlement_line(number: int, row: tuple[Any, ...], feed: Any) -> Any:
    """The line of an entry; one in fifty has a fault of one of five kinds."""
    from wallets.formats.statement import Line

    gross, fee, ref, store = row[11], row[15], row[7], row[9]
    if number % FAULT_EVERY == 0:
        kind = number // FAULT_EVERY % 5
        gross += 1 if kind == 0 else 0
        fee += 1 if kind == 1 else 0
        ref = f"9{ref}" if kind == 2 else ref
        store = "999999999" if kind == 3 else store
        ref = str(int(ref) - 1) if kind == 4 and number else ref
    return Line(
        0, 0, feed.wallet.code, "sale", ref, store, row[10], str(gross), row[10], str(gross),
        str(fee), str(gross - fee), "", row[8], row[17].replace(" ", "T"), "",
    )  # fmt: skip


def insert(rows: list[tuple[Any, ...]]) -> None:
    from django.db import connection, transaction

    columns = ", ".join(LEDGER)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY payments_ledgerentry ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(LEDGER))
            cursor.executemany(
                f"INSERT INTO payments_ledgerentry ({columns}) VALUES ({marks})", rows
            )


def measure(asked: argparse.Namespace) -> None:
    """Reconcile the file, then load its rows bare; print both."""
    from payments import exports, ledger, reconciliation, settlement
    from payments.models import Run, SettlementFile
    from wallets.models import Feed

    feed = Feed.objects.select_related("wallet").get(code=asked.feed)
    suffix = feed.pattern.rpartition(".")[2]
    [path] = Path(asked.folder).glob(f"{feed.code}-*.{suffix}")

    spent: dict[str, float] = defaultdict(float)

    @contextmanager
    def timed(what: str) -> Any:
        began = time.perf_counter()
        yield
        spent[what] += time.perf_counter() - began

    def watch(owner: Any, name: str, what: str) -> None:
        original = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            with timed(what):
                return original(*args, **kwargs)

        setattr(owner, name, watched)

    with timed("parse alone"):
        verdict = settlement.open_statement(feed.format, path, settlement.options(feed))
        parsed = sum(1 for _ in settlement.lines_of(verdict))
    watch(settlement, "store", "receive")
    watch(ledger.NightLedger, "__init__", "load the ledger")
    watch(reconciliation.Reconciliation, "_write_rows", "write")
    watch(exports.Writer, "add", "export")
    watch(exports.Writer, "finish", "export")

    began = time.perf_counter()
    file = settlement.receive(feed=feed, name=path.name, path=path, now=NOW).file
    reconciliation.run_feed(feed.pk, now=NOW)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    file = SettlementFile.objects.get(pk=file.pk)
    if file.state != "reconciled":
        raise SystemExit(f"the file was {file.state}: {file.reason_code} {file.reason_text}")
    run = Run.objects.get(file=file, state="done")
    spent["parse and match"] = seconds - sum(
        spent[part] for part in ("receive", "load the ledger", "write", "export")
    )
    copied = bare_load(path, Path(asked.folder))
    print(f"lines {parsed:,}  outcomes {run.outcomes}  CSV {run.csv_rows:,} rows")
    for what in (
        "parse alone", "receive", "load the ledger", "parse and match", "export", "write",
    ):  # fmt: skip
        print(f"  {what:18} {spent[what]:7.2f} s")
    print(f"  {'whole':18} {seconds:7.2f} s   bare load of the same rows {copied:.2f} s")
    print(
        json.dumps(
            {
                "lines": parsed,
                "seconds": round(seconds, 2),
                "peak_mb": round(peak),
                "ratio_to_copy": round(seconds / copied, 2),
            }
        )
    )


def bare_load(path: Path, folder: Path) -> float:
    """Load the rows of the file as text into a logged table without indexes; seconds.

    Nine text columns of each line, as a delimited load would have them.
    """
    from django.db import connection, transaction

    from payments import settlement
    from wallets.models import Feed

    feed = Feed.objects.select_related("wallet").get(code=path.name.partition("-")[0])
    statement = settlement.open_statement(feed.format, path, settlement.options(feed))
    tsv = folder / "rows.tsv"
    with tsv.open("w") as out:
        for line in settlement.lines_of(statement):
            out.write(
                f"{line.wallet}\t{line.kind}\t{line.ref}\t{line.store}\t{line.currency}\t"
                f"{line.gross}\t{line.fee}\t{line.net}\t{line.occurred_at}\n"
            )
    names = [f"c{number}" for number in range(9)]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE bare ({', '.join(f'{name} text' for name in names)})")
        began = time.perf_counter()
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with tsv.open("rb") as rows, cursor.copy("COPY bare FROM STDIN") as copy:
                    while data := rows.read(1 << 20):
                        copy.write(data)
            else:
                marks = ", ".join(["%s"] * 9)
                with tsv.open() as rows:
                    cursor.executemany(
                        f"INSERT INTO bare VALUES ({marks})",
                        (row.rstrip("\n").split("\t") for row in rows),
                    )
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
