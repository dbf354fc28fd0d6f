"""What Alipay's files have in common: their day, their headings, whose shop and which wallet.

A business day of Alipay is 00:00:00 to 23:59:59 in UTC+8, so a new one begins at 17:00 in
central Europe's winter and at 18:00 in its summer. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from wallets.formats import columns
from wallets.formats.columns import BadValue, Column

ZONE = ZoneInfo("Asia/Shanghai")
"""Kept as a zone for local texts; it has had no summer time since 1991."""
_UTC_8 = timezone(timedelta(hours=8))
_AMERICAN = re.compile(
    r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?: ([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?", re.ASCII
)
_DAY_ONLY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class Days(dict[str, date]):
    """Instants (ISO 8601 with offset) to Alipay's business days, each computed once."""

    def __missing__(self, instant: str) -> date:
        if len(self) >= columns.MOST_REMEMBERED:
            self.clear()
        try:
            day = self[instant] = datetime.fromisoformat(instant).astimezone(_UTC_8).date()
        except OverflowError:
            raise BadValue("bad_date", f"{instant!r} is on no day of a calendar.") from None
        return day


def iso(text: str) -> str:
    """Return a local time as ISO 8601 text.

    Mainland files write ``2017-09-22 11:04:13``; Hong Kong's also ``09/22/2017 11:04:13``,
    month first, with or without seconds and leading zeros.
    """
    found = _AMERICAN.fullmatch(text)
    if found is None:
        return text
    month, day, year, hour, minute, second = found.groups()
    start = f"{year}-{int(month):02d}-{int(day):02d}"
    return f"{start}T{int(hour):02d}:{minute}:{second or '00'}" if hour else start


class Times(columns.Times):
    """Local times of UTC+8 to instants. A day without an hour is no instant: empty."""

    def __init__(self, name: str) -> None:
        super().__init__(name, ZONE, iso)

    def __missing__(self, text: str) -> str:
        if _DAY_ONLY.fullmatch(iso(text)):
            columns.date_of(iso(text), self.name)
            self[text] = ""
            return ""
        return super().__missing__(text)


def day_of(text: str, name: str) -> date:
    """Return the day of a local time or date."""
    return columns.date_of(iso(text)[:10], name)


def headings_of(
    headings: Iterable[str], declared: Sequence[Column], options: dict[str, Any]
) -> list[str]:
    """Return headings as we declare them: case and inner spaces vary between contracts.

    ``options["headings"]`` names what a contract calls otherwise: their heading to ours.
    """
    theirs = {_plain(name): ours for name, ours in (options.get("headings") or {}).items()}
    ours = {_plain(column.name): column.name for column in declared}
    found = []
    for heading in headings:
        plain = _plain(heading)
        found.append(theirs.get(plain) or ours.get(plain) or heading.strip())
    return found


def _plain(heading: str) -> str:
    return "".join(heading.split()).casefold()


class Names:
    """Names in a file to our codes, by a table of the feed's options.

    ``stores`` names shops: ``{"Fjord Coffee": "100001"}``; ``wallets`` names paying wallets:
    ``{"AlipayCN": "alipay"}``. A name that the table does not have is an error that says what
    to add. Without a table, ``otherwise`` stands for every name; without either, None.
    """

    def __init__(self, table: str, options: dict[str, Any], otherwise: str, what: str) -> None:
        self.table, self.otherwise, self.what = table, otherwise, what
        self.codes: dict[str, str] | None = options.get(table)
        self.knows = self.codes is not None or bool(otherwise)

    def of(self, *names: str) -> str:
        """Return the code of the first name that is known."""
        if self.codes is None:
            return self.otherwise
        for name in names:
            if name in self.codes:
                return str(self.codes[name])
        if not any(names) and self.otherwise:
            return self.otherwise
        shown = next(filter(None, names), "")
        raise BadValue(
            "bad_value",
            f"{self.what} {shown[:60]!r} is unknown: add it to the feed's option "
            f"{self.table!r}, and read the file again.",
        )


def stores(options: dict[str, Any]) -> Names:
    """Return the shops that the feed's options know."""
    return Names("stores", options, str(options.get("store") or ""), "The shop")


def wallets(options: dict[str, Any], otherwise: str) -> Names:
    """Return the paying wallets that the feed's options know."""
    return Names("wallets", options, options.get("wallet") or otherwise, "The wallet")


def turned(amount: tuple[int, str], sign: int) -> tuple[int, str]:
    """Return an unsigned amount with its sign; one that has a sign already is refused."""
    if amount[0] < 0:
        raise BadValue("bad_amount", f"{amount[1]} has a sign; this layout's amounts have none.")
    return negated(amount) if sign < 0 else amount


def negated(amount: tuple[int, str]) -> tuple[int, str]:
    return (-amount[0], str(-amount[0])) if amount[0] else amount
