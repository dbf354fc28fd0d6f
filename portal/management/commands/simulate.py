"""``manage.py simulate``: payments of some days, and the files the wallets send about them."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from merchants.refusals import Refused
from payments.acceptance import CannotAccept
from portal.demo import faults, nights, work, world
from wallets import partners
from wallets.models import Wallet

SMALL_WORLD = 200


class Command(BaseCommand):
    help = (
        "Write payments of some business days into the ledger, and for every feed the files its "
        "schedule calls for, with planted faults, into DIR/<wallet>/ beside DIR/truth.json."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_night_arguments(parser)
        parser.add_argument(
            "--until", type=iso_date, default=nights.UNTIL, metavar="DATE",
            help="the last business date (%(default)s)",
        )  # fmt: skip
        parser.add_argument("--to", type=Path, metavar="DIR", help="where the files go")
        parser.add_argument(
            "--list-faults", action="store_true", help="print docs/faults.md and do nothing else"
        )

    def handle(self, **options: Any) -> None:
        if options["list_faults"]:
            self.stdout.write(faults.page(), ending="")
            return
        if options["to"] is None:
            raise CommandError("Say where the files shall go: --to DIR.")
        if not is_migrated():
            raise CommandError("The database has no tables yet, or old ones: manage.py migrate")
        try:
            truth = self._simulate(options)
        except (nights.CannotSimulate, faults.BadPlan, Refused, CannotAccept) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(
                f"{error.filename or options['to']} cannot be written or read: {error.strerror}."
            ) from None
        self.stdout.write(f"{len(truth['deliveries'])} deliveries in {options['to']}")

    def _simulate(self, options: dict[str, Any]) -> dict[str, Any]:
        until = options["until"]
        try:
            first = until - timedelta(days=options["days"] - 1)
        except OverflowError:
            raise CommandError("--days goes back to before there was a calendar.") from None
        options["to"].mkdir(parents=True, exist_ok=True)
        if not Wallet.objects.exists():
            partners.set_up()
        if not world.is_there():
            world.build(seed=options["seed"], locations=SMALL_WORLD)
        return nights.simulate(
            days=options["days"], seed=options["seed"], until=until,
            volume=options["volume"], to=options["to"],
            plan=work.plan_of(options["faults"], seed=options["seed"], first=first, last=until),
        )  # fmt: skip


def is_migrated() -> bool:
    """Tell whether the database has every table of this version."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def add_night_arguments(parser: ArgumentParser) -> None:
    """Add the options that say what is simulated; ``demo`` has them too."""
    parser.add_argument("--days", type=int, default=3, metavar="N", help="business days (3)")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="same seed, same bytes (1)"
    )
    parser.add_argument(
        "--volume", type=int, default=nights.VOLUME, metavar="PAYMENTS_A_DAY",
        help="payments a day over all wallets (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--faults", default="default", metavar="default|none|FILE",
        help="which faults to plant; docs/faults.md describes the JSON file",
    )  # fmt: skip


def iso_date(text: str) -> date:
    return date.fromisoformat(text)
