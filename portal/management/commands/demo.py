"""``manage.py demo``: the whole portal with an invented world, served or run once.

It starts itself again with the demo's own settings, so that nothing of a real installation
(a database named in .env, its data folder) is ever touched.
"""

from __future__ import annotations

import os
import shutil
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from portal.core import clock
from portal.demo import nights, once, people, work, world
from portal.demo.faults import BadPlan
from portal.management.commands.simulate import add_night_arguments
from wallets import partners

STARTED = "ONESTILE_DEMO_STARTED"
MARK = ".onestile-demo"
OUR_OWN = ("var", "feeds", "recon", "stickers.pdf", "truth.json", "summary.json", MARK)
LOCATIONS = 2_000


class Command(BaseCommand):
    help = (
        "Run the portal with an invented world on this machine: no real money, no mail leaves. "
        "With --once nothing is served: nights are simulated, reconciled and left in --out."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012  (as the base class declares it)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, metavar="PORT", help="(%(default)s)")
        parser.add_argument(
            "--reset", action="store_true", help="delete the demo's data and begin again"
        )
        parser.add_argument(
            "--locations", type=int, default=LOCATIONS, metavar="N",
            help=f"shops in the world, up to {world.MOST_LOCATIONS} (%(default)s)",
        )  # fmt: skip
        parser.add_argument("--once", action="store_true", help="do not serve; needs --out")
        parser.add_argument(
            "--out", type=Path, metavar="DIR", help="where --once leaves its results"
        )
        add_night_arguments(parser)

    def handle(self, **options: Any) -> None:
        if not 1 <= options["locations"] <= world.MOST_LOCATIONS:
            raise CommandError(f"--locations takes 1 to {world.MOST_LOCATIONS}.", returncode=2)
        if options["days"] < 1 or options["volume"] < 0:
            raise CommandError("--days takes 1 or more, --volume 0 or more.", returncode=2)
        if options["once"] and options["out"] is None:
            raise CommandError("Say where the results shall go: --once --out DIR.", returncode=2)
        if options["faults"] not in ("default", "none"):
            options["faults"] = str(Path(options["faults"]).resolve())
        if os.environ.get(STARTED) != "1":
            self._start_again(options)
        try:
            if options["once"]:
                self._once(options)
            else:
                self._serve(options)
        except (once.CannotRun, nights.CannotSimulate, BadPlan) as error:
            raise CommandError(str(error), returncode=2) from None

    # --- with the demo's own settings

    def _start_again(self, options: dict[str, Any]) -> None:
        env = {**os.environ, STARTED: "1", "ONESTILE_DEMO": "yes"}
        if options["once"]:
            self._prepare_folder(options["out"].resolve(), env)
        else:
            folder = Path(env.get("ONESTILE_VAR") or settings.BASE_DIR / "var" / "demo").resolve()
            self._prepare_data(folder, reset=options["reset"])
            env["ONESTILE_VAR"] = str(folder)
            env.setdefault("SITE_URL", f"http://127.0.0.1:{options['port']}")
            env.setdefault("DATABASE_URL", _sqlite_in(folder))
        env.setdefault("SITE_URL", "http://127.0.0.1:8000")
        # What .env says is about a real portal; said here, it does not count.
        env.setdefault("REDIS_URL", "")
        env.setdefault("QR_BASE_URL", env["SITE_URL"])
        env.setdefault("EMAIL_URL", "")
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], env)  # noqa: S606

    def _prepare_data(self, folder: Path, *, reset: bool) -> None:
        if _has_strange_files(folder) and not (folder / MARK).exists():
            raise CommandError(
                f"{folder} has files that are not the demo's. Name another folder: ONESTILE_VAR.",
                returncode=2,
            )
        if reset and folder.is_dir():
            if os.environ.get("DATABASE_URL"):
                raise CommandError(
                    "--reset clears the demo's folder, never a database that DATABASE_URL names. "
                    "Make that one empty yourself.",
                    returncode=2,
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()

    def _prepare_folder(self, out: Path, env: dict[str, str]) -> None:
        if out.is_dir() and any(out.iterdir()) and not (out / MARK).exists():
            raise CommandError(f"{out} is not empty. Name a new folder: --out DIR.", returncode=2)
        if env.get("REDIS_URL") and not env.get("DATABASE_URL"):
            raise CommandError(
                "With REDIS_URL the worker is another process: name an empty database that it "
                "uses too, in DATABASE_URL.",
                returncode=2,
            )
        for name in OUR_OWN:
            if (out / name).is_dir():
                shutil.rmtree(out / name)
            else:
                (out / name).unlink(missing_ok=True)
        out.mkdir(parents=True, exist_ok=True)
        (out / MARK).touch()
        if not env.get("REDIS_URL"):
            env["ONESTILE_VAR"] = str(out / "var")
        env.setdefault("DATABASE_URL", _sqlite_in(out / "var"))

    # --- once

    def _once(self, options: dict[str, Any]) -> None:
        out = options["out"].resolve()
        if not once.database_is_empty():
            raise once.CannotRun("The database that DATABASE_URL names is not empty.")
        call_command("migrate", interactive=False, verbosity=0)
        summary = once.run(
            out=out, seed=options["seed"], days=options["days"], volume=options["volume"],
            locations=options["locations"], faults=options["faults"],
        )  # fmt: skip
        files = ", ".join(f"{n} {state}" for state, n in summary["files"].items())
        self.stdout.write(
            f"{summary['payments']} payments, {summary['lines']} lines; files: {files}; "
            f"{summary['seconds']} s. Results in {out}"
        )

    # --- served

    def _serve(self, options: dict[str, Any]) -> None:
        from portal import serve

        if not world.is_ours():
            raise CommandError(
                "The database that DATABASE_URL names has a real portal's data in it. "
                "The demo needs one of its own.",
                returncode=2,
            )
        call_command("migrate", interactive=False, verbosity=0)
        # The least that a first visitor needs; the rest is built while people look around.
        partners.set_up(places=work.feeds_folder())
        seed = world.seed(default=options["seed"])
        world.build(seed=seed, locations=world.NAMED_SHOPS)
        logins = people.set_up()
        people.leave_an_application(now=clock.now())
        if not work.open_jobs():
            if world.size() < options["locations"] or nights.closed_through() is None:
                work.queue_build(
                    seed=seed, locations=options["locations"], days=options["days"],
                    volume=options["volume"], faults=options["faults"],
                )  # fmt: skip
            else:
                work.catch_up(volume=options["volume"], faults=options["faults"])
        self._say_hello(options["port"], logins)
        serve.serve(bind=f"127.0.0.1:{options['port']}")

    def _say_hello(self, port: int, logins: list[people.Person]) -> None:
        lines = [
            "",
            "Onestile, demo: no real money, and no mail leaves this machine.",
            "",
            f"  http://127.0.0.1:{port}/demo/    start here: sign in as anybody with one click",
            f"  http://127.0.0.1:{port}/         what a stranger sees",
            "",
            f"  password of everybody: {people.PASSWORD}",
            "",
            *(f"  {login.email:<30} {people.describe(login)}" for login in logins),
            "",
            "The world is being built in the background; the demo page shows how far it is.",
            f"Data: {settings.VAR_DIR}; --reset clears it. Stop with Ctrl-C.",
            "",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _has_strange_files(folder: Path) -> bool:
    """Tell whether a folder holds more than what loading the settings puts there."""
    return folder.is_dir() and any(
        path.name not in {"secret_key", "static"} for path in folder.iterdir()
    )


def _sqlite_in(folder: Path) -> str:
    return f"sqlite:///{quote(str(folder / 'onestile.sqlite3'))}"
