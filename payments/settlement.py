"""Receive a settlement file once (hash, store), and read it whole or refuse it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from payments.models import Delivery
from wallets.models import Feed


def feeds_with_work(*, now: datetime) -> list[int]:
    return []


def receive(*, feed: Feed, name: str, path: Path, now: datetime) -> Delivery: ...
