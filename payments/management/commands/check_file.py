"""manage.py check_file FEED FILE: the verdict on a file; nothing is stored."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments import checking
from payments.management.commands.receive import existing, feed_named
from portal.core import money


class Command(BaseCommand):
    help = "Say what a file would be judged to be. Nothing is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("feed")
        parser.add_argument("file")

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = checking.check(feed=feed_named(options["feed"]), path=existing(options["file"]))
        self.stdout.write(f"period {verdict.period_from} to {verdict.period_to}")
        self.stdout.write(
            f"{verdict.records} records: {verdict.lines} lines "
            f"({verdict.not_payments} of them no payments), {verdict.others} others"
        )
        for currency, total in sorted(verdict.sums.items()):
            gross, fee, net = (
                money.from_minor(minor, currency)
                for minor in (total.gross_minor, total.fee_minor, total.net_minor)
            )
            self.stdout.write(
                f"{currency}: {total.lines} lines, gross {gross}, fee {fee}, net {net}"
            )
        for problem in verdict.problems:
            word = "error" if problem.is_error else "warning"
            self.stdout.write(f"{word} {problem.code}, line {problem.line_no}: {problem.text}")
        if not verdict.is_accepted:
            raise CommandError("This file would be quarantined.")
        self.stdout.write("This file would be reconciled.")
