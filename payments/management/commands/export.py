"""manage.py export FILE_ID --out F: write the CSV of a reconciled file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments import exports, proof
from payments.management.commands.reconcile import file_numbered
from payments.models import Run


class Command(BaseCommand):
    help = "Write the CSV of a reconciled file; --again proves it by a replay first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file_id", type=int)
        parser.add_argument("--out", required=True)
        parser.add_argument(
            "--again", action="store_true", help="replay the night and compare the bytes"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file = file_numbered(options["file_id"])
        run = Run.objects.filter(file=file).exclude(state=Run.State.WRITING).last()
        if run is None:
            raise CommandError(f"{file.name} is {file.state}: there is no CSV of it.")
        if options["again"]:
            try:
                proof.replay(run, to=exports.csv_file(run))
            except proof.NotTheSame as error:
                raise CommandError(str(error)) from None
        out = Path(options["out"])
        try:
            with exports.open_csv(run) as source, out.open("wb") as target:
                shutil.copyfileobj(source, target)
        except exports.CannotMakeAgain as error:
            raise CommandError(f"The CSV is gone and cannot be made again: {error}") from None
        self.stdout.write(f"{out}: {run.csv_rows} rows, SHA-256 {run.csv_sha256}")
