"""Data walks one way: no floor imports the one above it, and the pure rooms stay pure."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("portal.core", "wallets", "merchants", "payments", "portal")
PURE = (
    "portal/core/money.py", "portal/core/calendars.py", "portal/core/csvfile.py",
    "wallets/formats/*.py", "merchants/identifiers.py", "merchants/qr.py",
    "merchants/printing.py", "payments/matching.py",
)  # fmt: skip
FILES = [
    path
    for top in ("portal", "wallets", "merchants", "payments")
    for path in sorted((ROOT / top).rglob("*.py"))
]


def floor_of(module: str) -> int | None:
    if module == "portal.core" or module.startswith("portal.core."):
        return 0
    top = module.partition(".")[0]
    return FLOORS.index(top) if top in FLOORS else None


def imports_of(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{name.name}" for name in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_imports_nothing_from_a_floor_above(path: Path) -> None:
    own = floor_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    above = [m for m in imports_of(path) if (floor_of(m) or 0) > own and floor_of(m) is not None]
    assert above == []


PURE_FILES = [path for pattern in PURE for path in sorted(ROOT.glob(pattern))]


@pytest.mark.parametrize("path", PURE_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_room_knows_no_django(path: Path) -> None:
    impure = [
        m
        for m in imports_of(path)
        if m.partition(".")[0] in {"django", "celery", "rest_framework"} or ".models" in m
    ]
    assert impure == []


def test_the_roof_is_not_pulled_in_by_the_ground() -> None:
    assert (ROOT / "portal" / "__init__.py").read_text() == ""
