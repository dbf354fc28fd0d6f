"""``python -m wallets.formats > docs/layouts.md``: every layout, in its own words."""

from __future__ import annotations

import sys
from inspect import cleandoc

from wallets import formats

_HEAD = """\
# The layouts

Every settlement file is read by one module of `wallets/formats`, into the same shape: lines,
batches, declared totals, and problems with their line numbers. This page is made of what the
modules say of themselves, by `python -m wallets.formats > docs/layouts.md`.

Which layout a feed has is chosen in the back office. A partner whose file is none of these is
described column by column in the layout `mapped`, or sends the [scheme layout](scheme-layout.md).
`manage.py check_file FEED FILE`, or the portal's page for it, says what a file would be judged to
be, before anything is stored.

| layout | what it is | simulator writes it |
|---|---|---|
"""

_BANK = """
## Bank statements

Read only, for the bank's leg of a payout; `manage.py check_bank LAYOUT FILE` tries one.

| layout | what it is |
|---|---|
"""


def describe() -> str:
    """Return docs/layouts.md."""
    written = formats.written()
    rows = [
        f"| [`{name}`](#{name}) | {formats.title(name)} | {'yes' if name in written else 'no'} |\n"
        for name in sorted(formats.LAYOUTS)
    ]
    banks = sorted(formats.BANK_LAYOUTS)
    of_banks = [f"| [`{name}`](#{name}) | {formats.title(name)} |\n" for name in banks]
    return "".join(
        (_HEAD, *rows, *map(_section, sorted(formats.LAYOUTS)), _BANK, *of_banks,
         *map(_section, banks))
    )  # fmt: skip


def _section(name: str) -> str:
    words = cleandoc(formats.get(name).__doc__ or "").partition("\n")[2].strip()
    return f"\n## {name}\n\n{formats.title(name)}.\n\n{words}\n"


if __name__ == "__main__":
    sys.stdout.write(describe())
