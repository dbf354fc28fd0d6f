"""What time it is for people at the edge of the portal.

The domain never reads a clock: views, commands and tasks pass the time in, and they ask
here. In the demo a day can be closed early, and from then on the demo lives ahead.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from portal.core.models import Setting

_AHEAD = "demo.days_ahead"


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    if not settings.DEMO:
        return timezone.now()
    return timezone.now() + timedelta(days=days_ahead())


def days_ahead() -> int:
    return int(Setting.objects.filter(name=_AHEAD).values_list("value", flat=True).first() or 0)


def move_ahead(days: int) -> None:
    """Move the demo's clock; nothing but the demo may call it."""
    Setting.objects.update_or_create(name=_AHEAD, defaults={"value": str(days_ahead() + days)})
