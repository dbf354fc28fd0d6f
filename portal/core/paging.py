"""Paging that stays quick however long the list is: by key, never by offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: list[Row]
    next_key: Any | None

    @property
    def has_more(self) -> bool:
        return self.next_key is not None


def newest_first(rows: QuerySet[Row], *, before: str | None, size: int = 50) -> Page[Row]:
    """Return a page ordered by falling id; ``before`` is the id the last page ended on."""
    if before and before.isascii() and before.isdigit():
        rows = rows.filter(pk__lt=int(before[:18]))
    found = list(rows.order_by("-pk")[: size + 1])
    more = len(found) > size
    found = found[:size]
    return Page(found, found[-1].pk if more else None)
