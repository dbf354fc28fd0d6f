"""manage.py receive FEED FILE: take in one settlement file by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments import settlement
from payments.models import SettlementFile
from portal.core import clock
from portal.core.secrets import CannotDecrypt
from wallets.models import Feed


def feed_named(code: str) -> Feed:
    try:
        return Feed.objects.select_related("wallet").get(code=code)
    except Feed.DoesNotExist:
        known = ", ".join(Feed.objects.order_by("code").values_list("code", flat=True))
        raise CommandError(f"There is no feed {code!r}. Feeds: {known or 'none yet'}.") from None


def existing(path: str) -> Path:
    found = Path(path)
    if not found.is_file():
        raise CommandError(f"There is no file {path}.")
    return found


class Command(BaseCommand):
    help = (
        "Take in a settlement file, wrapped or not. The workers reconcile it; see also: reconcile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("feed")
        parser.add_argument("file")
        parser.add_argument("--signature", metavar="SIG", help="a signature in a file of its own")

    def handle(self, *args: Any, **options: Any) -> None:
        path = existing(options["file"])
        feed = feed_named(options["feed"])
        signature = existing(options["signature"]) if options["signature"] else None
        try:
            deliveries = settlement.take_in(
                feed=feed, name=path.name, path=path, now=clock.now(), signature=signature
            )
        except CannotDecrypt as error:
            raise CommandError(str(error)) from None
        for delivery in deliveries:
            file = delivery.file
            name = f"{delivery.name}: " if len(deliveries) > 1 else ""
            self.stdout.write(
                f"{name}{delivery.get_result_display()}: file {file.pk}, "
                f"version {file.version}, {file.state}"
            )
            if file.state == SettlementFile.State.QUARANTINED:
                self.stdout.write(f"{file.reason_code}: {file.reason_text}")
