"""manage.py check_bank LAYOUT FILE: what a bank's file says and whether it adds up."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.management.commands.receive import existing
from portal.core import money
from wallets import formats
from wallets.formats.bank_statement import BankStatement, Page, Side, Sums
from wallets.formats.payout_keys import keys_of
from wallets.formats.statement import Problem, Unreadable


class Command(BaseCommand):
    help = "Say what a bank's statement holds and whether its balances are right. Stores nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("layout", choices=sorted(formats.BANK_LAYOUTS))
        parser.add_argument("file")

    def handle(self, *args: Any, **options: Any) -> None:
        path = existing(options["file"])
        payouts: dict[str, int] = defaultdict(int)
        statement: BankStatement | None = None
        refused: list[Problem] = []
        try:
            statement = formats.get(options["layout"]).read(path, {})
            for entry in statement.entries:
                for key in keys_of(entry) if entry.is_booked else ():
                    payouts[key.network] += 1
        except Unreadable as error:
            refused = [error.problem]
        problems = [*statement.problems, *refused] if statement else refused
        if statement:
            self.tell(statement)
        for network, count in sorted(payouts.items()):
            self.stdout.write(f"payouts of {network}: {count}")
        for problem in problems:
            word = "error" if problem.is_error else "warning"
            self.stdout.write(f"{word} {problem.code}, line {problem.line_no}: {problem.text}")
        if any(problem.is_error for problem in problems):
            raise CommandError("This file is not to be relied on.")
        self.stdout.write("This file can be relied on.")

    def tell(self, statement: BankStatement) -> None:
        self.stdout.write(f"{statement.layout}: {statement.identity}")
        currencies: dict[str, Sums] = {}
        for page in statement.pages:
            self.stdout.write(_told(page))
            sums = currencies.setdefault(page.currency, Sums())
            for side, more in (
                (sums.credits, page.sums.credits),
                (sums.debits, page.sums.debits),
                (sums.announced, page.sums.announced),
            ):
                side.count += more.count
                side.minor += more.minor
        for currency, sums in sorted(currencies.items()):
            self.stdout.write(
                f"{currency}: {_side('credits', sums.credits, currency)}, "
                f"{_side('debits', sums.debits, currency)}, "
                f"{_side('not booked', sums.announced, currency)}"
            )


def _told(page: Page) -> str:
    parts = [f"account {page.account or 'without a number'}"]
    if page.statement_id:
        parts.append(f"statement {page.statement_id}")
    if page.sequence is not None:
        parts.append(f"number {page.sequence}")
    if page.is_paged:
        parts.append(f"page {page.number}{' (last)' if page.is_last else ''}")
    if page.from_day and page.to_day:
        parts.append(f"{page.from_day} to {page.to_day}")
    for word, minor in (("opening", page.opening_minor), ("closing", page.closing_minor)):
        if minor is not None:
            parts.append(f"{word} {money.from_minor(minor, page.currency)} {page.currency}")
    parts.append(f"{page.entries} entries")
    return ", ".join(parts)


def _side(word: str, side: Side, currency: str) -> str:
    amount = money.from_minor(side.minor, currency) if side.count else "0"
    return f"{side.count} {word} of {amount}"
