"""List and fetch new files from where a partner leaves them. Never parses."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from wallets.models import Feed


@dataclass(frozen=True)
class Arrival:
    """A file found at a feed's place: the partner's name for it, and where it lies."""

    name: str
    path: Path


def collect(feed: Feed, *, seen: Container[str]) -> Iterator[Arrival]:
    """Yield the files in a feed's folder that were not seen before, in order of name.

    Names beginning with a dot, or ending in .part or .tmp, are files still being written.
    """
    place = Path(feed.place)
    if not place.is_dir():
        return
    for path in sorted(place.iterdir()):
        name = path.name
        if name in seen or name.startswith(".") or name.endswith((".part", ".tmp")):
            continue
        if path.is_file() and not path.is_symlink() and fnmatchcase(name, feed.pattern):
            yield Arrival(name, path)
