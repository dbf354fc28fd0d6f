"""``manage.py serve``: the web server, with the worker inside unless REDIS_URL is set."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from portal import serve


class Command(BaseCommand):
    help = (
        "Serve the portal. Without REDIS_URL the Celery worker and beat run inside the one web "
        "process; with it, start them apart: celery -A portal worker, celery -A portal beat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000", metavar="HOST:PORT")
        parser.add_argument(
            "--processes", type=int, default=int(os.environ.get("WEB_CONCURRENCY", "2")),
            help="web processes when REDIS_URL is set ($WEB_CONCURRENCY, else 2)",
        )  # fmt: skip

    def handle(self, **options: Any) -> None:
        serve.serve(bind=options["bind"], processes=options["processes"])
