"""System checks that say what to set, before anything goes wrong."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.security)
def stickers_point_to_https(**_: Any) -> list[CheckMessage]:
    if settings.DEMO or settings.DEBUG or settings.QR_BASE_URL.startswith("https://"):
        return []
    return [
        Warning(
            f"Stickers would carry {settings.QR_BASE_URL}, which is not https.",
            hint="Set QR_BASE_URL to the https address that printed codes shall carry.",
            id="onestile.W001",
        )
    ]


@register(Tags.security)
def redis_goes_with_a_server_database(**_: Any) -> list[CheckMessage]:
    engine = settings.DATABASES["default"]["ENGINE"]
    if settings.REDIS_URL and engine.endswith("sqlite3") and not settings.DEMO:
        return [
            Error(
                "REDIS_URL is set but the database is SQLite.",
                hint="Set DATABASE_URL too: separate workers need PostgreSQL.",
                id="onestile.E001",
            )
        ]
    return []
