"""A worker is killed in the middle of a night: nothing is lost, nothing counts twice."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction

from payments import acceptance, exports, settlement
from payments.models import Break, LedgerEntry, Link, Run, SettlementFile
from portal.core.models import AuditEntry
from tests import builders
from tests.flows.test_worker import wait_for
from wallets.models import Feed, Wallet

pytestmark = pytest.mark.services

SALES = 400


@pytest.fixture
def night(worker, shop, tmp_path: Path) -> Path:
    """A Vipps file of many sales, of which one is missing in it and one has another amount."""
    vipps = Wallet.objects.get(code="vipps")
    acceptance.accept_many(
        wallet=vipps,
        requests=[
            acceptance.PaymentRequest(
                location_id=shop.pk, wallet_ref=f"V{number:06d}", currency=shop.currency,
                price_minor=1_000 + number, occurred_at=builders.NOON,
            )
            for number in range(SALES)
        ],
    )  # fmt: skip
    entries = list(LedgerEntry.objects.select_related("wallet").order_by("pk"))
    lines = [builders.line(entry) for entry in entries[1:]]
    wrong = str(entries[6].gross_minor + 500)
    lines[5] = builders.line(entries[6], gross=wrong, settled_gross=wrong)
    return builders.settlement_file(tmp_path, lines)


class Gate:
    """Holds the worker's run at a chosen point by a lock of another session."""

    def __init__(self) -> None:
        self._other = connection.copy()
        self._other.set_autocommit(False)

    def before_the_first_row(self) -> None:
        with self._other.cursor() as cursor:
            cursor.execute("LOCK TABLE payments_batch IN EXCLUSIVE MODE")

    def open(self) -> None:
        self._other.rollback()

    def close(self) -> None:
        self._other.close()


@pytest.fixture
def gate(worker) -> Iterator[Gate]:
    held = Gate()
    yield held
    held.close()


@contextmanager
def held_at_the_end() -> Iterator[None]:
    """Lock the run's row: all is written, then the worker waits to make it count.

    Links may still point at a row that is locked this way, so all that comes before the
    last transaction goes on.
    """
    with transaction.atomic():
        Run.objects.select_for_update(no_key=True).get(state=Run.State.WRITING)
        yield


def somebody_waits_for_a_row() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


def run_begun() -> bool:
    return Run.objects.filter(state=Run.State.WRITING).exists()


def receive(path: Path) -> SettlementFile:
    feed = Feed.objects.get(code="vipps")
    return settlement.receive(
        feed=feed, name=path.name, path=path, now=builders.NOON + timedelta(hours=15)
    ).file


def settled(file: SettlementFile) -> bool:
    return SettlementFile.objects.get(pk=file.pk).state == SettlementFile.State.RECONCILED


def proved(file: SettlementFile, *, attempts: int) -> None:
    """The file was reconciled once, whole, and says exactly what is true."""
    run = Run.objects.get()
    file = SettlementFile.objects.get()
    assert file.attempts == attempts
    assert (file.state, run.state) == ("reconciled", "done")
    assert run.outcomes == {
        "matched": SALES - 2, "amount_mismatch": 1, "missing_in_settlement": 1,
    }  # fmt: skip
    linked = list(Link.objects.order_by("entry_id").values_list("entry_id", flat=True))
    everything = list(LedgerEntry.objects.order_by("pk").values_list("pk", flat=True))
    assert linked == everything[1:]
    assert sorted(Break.objects.values_list("outcome", flat=True)) == [
        "amount_mismatch", "missing_in_settlement",
    ]  # fmt: skip
    assert AuditEntry.objects.filter(verb="payments.file.reconciled").count() == 1
    with exports.open_csv(run) as made:
        rows = list(csv.DictReader(io.TextIOWrapper(made, "utf-8", newline="")))
    assert len({row["wallet_ref"] for row in rows}) == len(rows) == SALES
    kept = sorted(path.name for path in exports.csv_file(run).parent.iterdir())
    assert kept == [f"{run.pk}.csv", f"{run.pk}.slice"]


def test_killed_before_the_first_row_is_written(worker, night, gate) -> None:
    gate.before_the_first_row()
    file = receive(night)
    assert wait_for(run_begun), worker.said()
    assert wait_for(somebody_waits_for_a_row)

    worker.kill()

    gate.open()
    assert (Link.objects.count(), Break.objects.count()) == (0, 0)
    worker.start()
    assert wait_for(lambda: settled(file)), worker.said()
    proved(file, attempts=2)


def test_killed_when_all_is_written_and_nothing_counts_yet(worker, night, gate) -> None:
    gate.before_the_first_row()
    file = receive(night)
    assert wait_for(run_begun), worker.said()
    with held_at_the_end():
        gate.open()
        assert wait_for(lambda: Break.objects.count() == 2), worker.said()
        assert wait_for(somebody_waits_for_a_row)

        worker.kill()

        assert Link.objects.count() == SALES - 1
        assert not settled(file)
    worker.start()
    assert wait_for(lambda: settled(file)), worker.said()
    proved(file, attempts=2)


def test_the_same_file_from_two_sides_while_the_worker_dies(worker, night, gate, tmp_path) -> None:
    gate.before_the_first_row()
    file = receive(night)
    again = tmp_path / "vipps-again.xml"
    again.write_bytes(night.read_bytes())
    assert wait_for(run_begun), worker.said()

    worker.kill()

    assert receive(again) == file
    gate.open()
    worker.start()
    assert wait_for(lambda: settled(file)), worker.said()
    proved(file, attempts=2)
