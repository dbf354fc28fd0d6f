"""manage.py read_again FILE_ID: have a file read once more, after its cause was mended."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments import settlement
from payments.management.commands.reconcile import file_numbered
from portal.core import clock
from portal.core.models import User
from portal.core.secrets import CannotDecrypt


class Command(BaseCommand):
    help = (
        "Have a quarantined file unwrapped and read again, or an older version that was sent "
        "again become the newest. The workers reconcile it; see also: reconcile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file_id", type=int)
        parser.add_argument("--by", metavar="EMAIL", help="who does it, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        by = None
        if options["by"] and not (by := User.objects.filter(email=options["by"].lower()).first()):
            raise CommandError(f"There is nobody with the address {options['by']}.")
        file = file_numbered(options["file_id"])
        try:
            found = settlement.read_again(file, by=by, now=clock.now())
        except settlement.Refused as refused:
            raise CommandError(
                f"Still quarantined: {refused.problem.code}: {refused.problem.text}"
            ) from None
        except (settlement.CannotReadAgain, CannotDecrypt) as error:
            raise CommandError(str(error)) from None
        for one in found:
            one.refresh_from_db()
            self.stdout.write(f"file {one.pk}: {one.name}, version {one.version}, {one.state}")
