"""manage.py check_file FEED FILE: the verdict on a file; nothing is stored."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments import checking
from payments.checking import Verdict
from payments.management.commands.receive import existing, feed_named
from portal.core.money import from_minor

BATCHES_SHOWN = 20


class Command(BaseCommand):
    help = "Say what a file would be judged to be. Nothing is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("feed")
        parser.add_argument("file")
        parser.add_argument("--json", action="store_true", help="Write the verdict as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        verdicts = checking.check_all(
            feed=feed_named(options["feed"]), path=existing(options["file"])
        )
        if options["json"]:
            self.stdout.write(checking.as_json(checking.as_data(verdicts)), ending="")
        else:
            for verdict in verdicts:
                self._tell(verdict)
        if not all(verdict.is_accepted for verdict in verdicts):
            raise CommandError("This file would be quarantined.")
        if not options["json"]:
            self.stdout.write("This file would be reconciled.")

    def _tell(self, verdict: Verdict) -> None:
        say = self.stdout.write
        if verdict.came_in:
            say(f"{verdict.name}, out of {verdict.came_in}")
        say(f"period {verdict.period_from} to {verdict.period_to}")
        say(
            f"{verdict.records} records: {verdict.lines} lines "
            f"({verdict.not_payments} of them no payments), {verdict.others} others, "
            f"{verdict.problem_records} problems"
        )
        if relation := verdict.relation:
            before = f", received before and {relation.state}" if relation.state else ""
            say(f"{relation.result}: version {relation.version} of {verdict.identity}{before}")
        for currency, total in verdict.sums.items():
            gross, fee, net, other = (
                from_minor(minor, currency)
                for minor in (
                    total.gross_minor, total.fee_minor, total.net_minor, total.other_minor,
                )
            )  # fmt: skip
            say(
                f"{currency}: {total.lines} lines, gross {gross}, fee {fee}, net {net}; "
                f"{total.others} other rows, {other}"
            )
        say(f"{verdict.batch_count} batches, {verdict.batches_differing} differ")
        for batch in [one for one in verdict.batches if one.differs][:BATCHES_SHOWN]:
            say(f"batch {batch.ref} {batch.currency} differs in {', '.join(batch.differs)}")
        if verdict.unknown_lines:
            examples = ", ".join(f"{wallet} {store}" for wallet, store, *_ in verdict.unknown)
            say(f"{verdict.unknown_lines} lines at unknown locations: {examples}")
        for problem in verdict.problems:
            word = "error" if problem.is_error else "warning"
            say(f"{word} {problem.code}, line {problem.line_no}: {problem.text}")
            if raw := verdict.raw.get(problem.line_no):
                say(f"  | {raw}")
