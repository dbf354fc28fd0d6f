"""manage.py receive FEED FILE: take in one settlement file by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments import settlement
from portal.core import clock
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
    help = "Take in a settlement file. The workers reconcile it; see also: reconcile."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("feed")
        parser.add_argument("file")

    def handle(self, *args: Any, **options: Any) -> None:
        path = existing(options["file"])
        delivery = settlement.receive(
            feed=feed_named(options["feed"]), name=path.name, path=path, now=clock.now()
        )
        file = delivery.file
        self.stdout.write(
            f"{delivery.get_result_display()}: file {file.pk}, version {file.version}, {file.state}"
        )
