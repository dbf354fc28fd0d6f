"""The documents lead somewhere: every link to a file in the checkout finds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wallets.formats.__main__ import describe

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_its_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (document.parent / link).exists()] == []


def test_every_document_is_on_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    named = {path.name for path in DOCUMENTS[1:]} - {"index.md"}
    assert [name for name in sorted(named) if f"({name})" not in index] == []


def test_the_page_of_layouts_is_what_the_layouts_say() -> None:
    assert (ROOT / "docs" / "layouts.md").read_text() == describe()
