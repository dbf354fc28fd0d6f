"""What the layouts share: exact amounts, ids, times, totals, problems with line numbers. Pure.

A reader works on a :class:`Reading`: it counts records, collects problems and proves totals.
A value that cannot be taken raises :class:`BadValue`; the reader gives it its line number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from portal.core.money import LARGEST_MINOR, NotAnAmount, UnknownCurrency, from_minor, to_minor
from wallets.formats.statement import Batch, Problem, Statement, refuse

MAX_BYTES = 2 * 1024**3
MOST_ERRORS = 200
MOST_REMEMBERED = 100_000

_ID = re.compile(r"[!-~]{1,64}", re.ASCII)
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)


class BadValue(ValueError):
    """A value that cannot be taken: ``code`` is a problem code, the message says why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class CannotWrite(ValueError):
    """A sheet that a layout has no way to express; the message says what it lacks."""


def check_size(path: Path, options: dict[str, Any]) -> int:
    """Return the bytes of a file, or refuse one that is empty or over the feed's cap."""
    size = path.stat().st_size
    cap = int(options.get("max_bytes", MAX_BYTES))
    if size > cap:
        raise refuse(
            "too_large", 0,
            f"The file has {size} bytes; this feed takes up to {cap}. Ask the partner to split it.",
        )  # fmt: skip
    if not size:
        raise refuse("empty", 0, "The file has no bytes. Ask the partner to send it again.")
    return size


class Amounts(dict[str, tuple[int, str]]):
    """Texts of one currency to (minor units, their digits), each proved once.

    Looking up a text that is no amount raises BadValue. Remembers a bounded number.
    """

    def __init__(self, currency: str, *, mark: str = ".", short: bool = False) -> None:
        super().__init__()
        self.currency, self.mark, self.short = currency, mark, short
        minor_of("0", currency, short=True)

    def __missing__(self, text: str) -> tuple[int, str]:
        minor = minor_of(text, self.currency, mark=self.mark, short=self.short)
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        found = self[text] = (minor, str(minor))
        return found


def minor_of(text: str, currency: str, *, mark: str = ".", short: bool = False) -> int:
    """Return minor units of a text, or raise BadValue (bad_amount, currency_unknown)."""
    try:
        minor = to_minor(text, currency, mark=mark, short=short)
    except NotAnAmount as error:
        raise BadValue("bad_amount", str(error)) from None
    except UnknownCurrency as error:
        raise BadValue("currency_unknown", f"{error} Ask the partner, or add it.") from None
    if abs(minor) > LARGEST_MINOR:
        raise BadValue("bad_amount", f"{text!r} is larger than any amount this portal takes.")
    return minor


def id_of(text: str, name: str) -> str:
    """Return an id as it is: 1 to 64 printable ASCII characters without spaces."""
    if _ID.fullmatch(text) is None:
        raise BadValue(
            "bad_value",
            f"{name} {text[:80]!r} is no id: use 1 to 64 letters, digits or signs, no spaces.",
        )
    return text


def text_of(text: str, name: str, *, longest: int = 140) -> str:
    """Return free text without its outer spaces; control characters are refused."""
    text = text.strip()
    if len(text) > longest or not text.isprintable():
        raise BadValue(
            "bad_value", f"{name} {text[:80]!r} is no text of up to {longest} printable characters."
        )
    return text


def date_of(text: str, name: str, pattern: str = "%Y-%m-%d") -> date:
    """Return a date written exactly as the pattern says, or raise BadValue."""
    try:
        # Written back it must be the same text: strptime alone also takes 2026-1-2.
        found = datetime.strptime(text, pattern).date()  # noqa: DTZ007
        if found.strftime(pattern) == text:
            return found
    except ValueError:
        pass
    shape = pattern
    for directive, letters in (("%Y", "YYYY"), ("%m", "MM"), ("%d", "DD")):
        shape = shape.replace(directive, letters)
    raise BadValue("bad_date", f"{name} {text[:40]!r} is no date: write it as {shape}.")


def instant_of(text: str, name: str, zone: ZoneInfo | None) -> str:
    """Return an ISO 8601 instant with offset.

    A text without offset is a local time of ``zone``; without a zone it is refused. The
    local hour that comes twice in autumn is read as its first.
    """
    found = _ISO.fullmatch(text)
    if found is not None and (found[3] or zone is not None):
        try:
            instant = datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or ''}")
        except ValueError:
            pass
        else:
            if found[3]:
                offset = "+00:00" if found[3] == "Z" else found[3]
                return f"{found[1]}T{found[2]}{offset}"
            return f"{found[1]}T{found[2]}{offset_text(instant.replace(tzinfo=zone))}"
    raise BadValue(
        "bad_date", f"{name} {text[:40]!r} is no time: write it as 2026-10-14T12:30:00+02:00."
    )


def offset_text(instant: datetime) -> str:
    """Return an aware instant's offset as ``+02:00``."""
    minutes = int((instant.utcoffset() or timedelta()).total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def zone_of(options: dict[str, Any], default: str) -> ZoneInfo:
    return ZoneInfo(options.get("timezone") or default)


@dataclass(slots=True)
class Tally:
    """What was really in a batch."""

    count: int = 0
    gross: int = 0
    fee: int = 0
    net: int = 0

    def add(self, gross: int, fee: int, net: int) -> None:
        self.count += 1
        self.gross += gross
        self.fee += fee
        self.net += net


@dataclass
class Reading:
    """A statement being read: problems get their line, totals are proved."""

    statement: Statement
    errors: int = 0

    def error(self, code: str, line_no: int, text: str) -> None:
        """Note an error; too many of them end the reading."""
        self.errors += 1
        if self.errors > MOST_ERRORS:
            raise refuse(
                code, line_no, f"More than {MOST_ERRORS} errors; this file is not read further."
            )
        self.statement.problems.append(Problem(code, line_no, text))

    def prove(self, batch: Batch, tally: Tally, line_no: int) -> None:
        """Compare what a batch declares with what was in it; every difference is an error."""
        declared = batch.declared_count
        if declared is not None and declared != tally.count:
            self.error(
                "count_differs", line_no,
                f"{batch.ref} declares {declared} lines and has {tally.count}. "
                "Ask the partner for a corrected file.",
            )  # fmt: skip
        for word, stated, found in (
            ("gross", batch.declared_gross_minor, tally.gross),
            ("fee", batch.declared_fee_minor, tally.fee),
            ("net", batch.declared_net_minor, tally.net),
        ):
            if stated is not None and stated != found:
                self.error(
                    "total_differs", line_no,
                    f"{batch.ref} declares {word} {from_minor(stated, batch.currency)} "
                    f"{batch.currency}, its lines add up to {from_minor(found, batch.currency)}. "
                    "Ask the partner for a corrected file.",
                )  # fmt: skip
