"""manage.py reconcile FILE_ID: reconcile a received file by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments import reconciliation
from payments.models import Run, SettlementFile
from portal.core import clock


def file_numbered(pk: int) -> SettlementFile:
    try:
        return SettlementFile.objects.select_related("feed__wallet").get(pk=pk)
    except SettlementFile.DoesNotExist:
        raise CommandError(f"There is no file {pk}.") from None


class Command(BaseCommand):
    help = "Reconcile a file, after the files of its feed that arrived before it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file_id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        file = file_numbered(options["file_id"])
        reconciliation.run_feed(file.feed_id, now=clock.now())
        file.refresh_from_db()
        if file.state == SettlementFile.State.RECEIVED:
            raise CommandError("A worker is busy with this feed. Try again in a minute.")
        self.stdout.write(f"{file.name}: {file.state}")
        if file.state == SettlementFile.State.QUARANTINED:
            line = f" (line {file.reason_line})" if file.reason_line else ""
            self.stdout.write(f"{file.reason_code}{line}: {file.reason_text}")
        for run in Run.objects.filter(file=file).exclude(state=Run.State.WRITING):
            for outcome, count in sorted(run.outcomes.items()):
                self.stdout.write(f"  {outcome} {count}")
