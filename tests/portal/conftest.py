"""The demo as tests see it: seven wallets and a small invented world."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from portal.demo import nights, world
from tests.portal import demo_urls


@pytest.fixture
def demo(settings: Any) -> None:
    settings.DEMO = True
    settings.ROOT_URLCONF = demo_urls.__name__


@pytest.fixture
def small_world(alliance: Any) -> None:
    world.build(seed=1, locations=40)


@pytest.fixture
def simulated(small_world: None, tmp_path: Path) -> Any:
    """Return a function that simulates some nights into the feeds' folders."""

    def simulate(**options: Any) -> SimpleNamespace:
        asked: dict[str, Any] = {
            "days": 2, "seed": 1, "volume": 120, "to": tmp_path / "feeds", **options
        }  # fmt: skip
        truth = nights.simulate(**asked)
        return SimpleNamespace(
            to=asked["to"],
            truth=truth,
            deliveries={one["file"]: one for one in truth["deliveries"]},
        )  # fmt: skip

    return simulate
