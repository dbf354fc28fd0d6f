"""What the names of Alipay's, Antom's and Alipay+'s files say. Pure.

Source, public: the file naming sections of Alipay's cross-border documentation (2015 to 2019),
of Antom's settlement and transaction report pages and of the Alipay+ reconciliation pages for
acquirers. A name may have a folder before it and anything before its first word; what stands
behind its last part (_2, -corrected) is ignored, so that a corrected file keeps its name.

=================  ============================================================================
kind               name
=================  ============================================================================
transaction        ``[<partner 16>_]transaction_<day>``, ``<partner>_fptrade_<day>``
settlement         ``[<partner 16>_]settlement_<day>``, ``<merchant>_settle_<day>_<batch>``
transactions       ``transactionItems_<day>_<seq>``
items              ``settlementItems_[<psp>_]<ccy>_<batch>_<seq>``
summary            ``settlementSummary_[<psp>_]<ccy>_<batch>_<seq>``
legacy_detail      ``ALIPAY_SETTLEMENT_DETAIL_<ccy>_<day>`` (2.0.4)
legacy_summary     ``ALIPAY_SETTLEMENT_SUMMARY_<ccy>_<day>`` (2.0.4)
hub_items          ``transactionItems_<participant>_<ccy>_<clearing batch>_<agreement>_<seq>``
hub_summary        ``summary_<participant>_<ccy>_<clearing batch>_<agreement>_<seq>``
hub_fees           ``feeItems_<participant>_<ccy>_<clearing batch>_<agreement>_<seq>``
hub_settlement     ``settlement_<participant>_<ccy>_<settlement batch>_<agreement>_<seq>``
=================  ============================================================================

Reports lie in a folder that is called after a day. For the hub's files and for settlementItems
that is the day they were made, which nothing in a file without lines says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

EMPTY_BATCH = "0" * 19
"""The batch of a cycle in which nothing was settled."""


@dataclass(frozen=True)
class Named:
    """The parts of a name; what it does not say is empty or None.

    ``day`` is the business day that the name states, ``folder_day`` the day that the folder
    before it is called after, ``sequence`` the number of a part (0 to 999) of one batch.
    """

    kind: str
    participant: str = ""
    agreement: str = ""
    psp: str = ""
    currency: str = ""
    batch: str = ""
    day: date | None = None
    folder_day: date | None = None
    sequence: int | None = None

    @property
    def is_empty_cycle(self) -> bool:
        return bool(self.batch) and not self.batch.strip("0")

    @property
    def day_before_folder(self) -> date | None:
        """Return the business day that a report made on its folder's day is of."""
        return self.folder_day - timedelta(days=1) if self.folder_day else None


_HUB = (
    r"_(?P<participant>[0-9A-Za-z]{1,64})_(?P<currency>[A-Z]{3})_(?P<batch>[0-9A-Za-z-]{1,64})"
    r"_(?P<agreement>[0-9A-Za-z.-]{1,64})_(?P<sequence>[0-9]{3})(?![0-9])"
)
_ANTOM = (
    r"_(?:(?P<psp>[0-9A-Za-z_]{1,64}?)_)?(?P<currency>[A-Z]{3})_(?P<batch>[0-9A-Za-z]{6,64})"
    r"_(?P<sequence>[0-9]{3})(?![0-9])"
)
_DAY = r"_(?P<day>[0-9]{8})(?![0-9])"
_STARTS = r"(?:^|(?<=[/\\_. -]))"
_NAMES = tuple(
    (kind, re.compile(_STARTS + shape, re.ASCII))
    for kind, shape in (
        # The hub's shapes are the longest; the shorter ones would find a part of them.
        ("hub_items", "transactionItems" + _HUB),
        ("hub_summary", "summary" + _HUB),
        ("hub_fees", "feeItems" + _HUB),
        ("hub_settlement", "settlement" + _HUB),
        ("items", "settlementItems" + _ANTOM),
        ("summary", "settlementSummary" + _ANTOM),
        ("transactions", "transactionItems" + _DAY + r"_(?P<sequence>[0-9]{3})(?![0-9])"),
        ("legacy_detail", r"ALIPAY_SETTLEMENT_DETAIL_(?P<currency>[A-Z]{3})" + _DAY),
        ("legacy_summary", r"ALIPAY_SETTLEMENT_SUMMARY_(?P<currency>[A-Z]{3})" + _DAY),
        ("settlement", r"(?P<participant>[0-9A-Za-z]{1,64})_settle" + _DAY
         + r"_(?P<batch>[0-9A-Za-z]{1,64})"),
        ("transaction", r"(?:(?P<participant>[0-9]{16})_)?(?:transaction|fptrade)" + _DAY),
        ("settlement", r"(?:(?P<participant>[0-9]{16})_)?settlement" + _DAY),
    )
)  # fmt: skip
_FOLDER_DAY = re.compile(r"(?<![0-9])(20[0-9]{6})(?![0-9])", re.ASCII)


def named(name: str) -> Named | None:
    """Return what a name says, or None where it is none of these."""
    for kind, pattern in _NAMES:
        found = pattern.search(name)
        if found is None:
            continue
        parts = {part: text for part, text in found.groupdict().items() if text}
        day = None
        if "day" in parts:
            day = compact_day(parts.pop("day"))
            if day is None:
                continue
        sequence = int(parts.pop("sequence")) if "sequence" in parts else None
        before = [compact_day(text) for text in _FOLDER_DAY.findall(name[: found.start()])]
        folder_day = next((made for made in reversed(before) if made), None)
        return Named(kind, day=day, folder_day=folder_day, sequence=sequence, **parts)
    return None


def compact_day(text: str) -> date | None:
    """Return the day of a text such as 20261014, or None where there is no such day."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
