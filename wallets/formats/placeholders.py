"""Date forms and patterns of names, written with placeholders instead of expressions. Pure.

A form says how a date or a time is written: ``YYYY-MM-DD HH:mm:ss``, ``DD.MM.YYYY``. The words
``iso`` (ISO 8601, with or without an offset), ``epoch_ms`` and ``epoch_s`` stand for themselves.

A pattern says what a name or a title holds: ``settle_{date:YYYYMMDD}_{sequence}.csv``. It is
matched from left to right in one pass, so that no pattern and no name can make it slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from wallets.formats import columns
from wallets.formats.columns import BadValue

ISO, EPOCH_MS, EPOCH_S = "iso", "epoch_ms", "epoch_s"
WORDS = (ISO, EPOCH_MS, EPOCH_S)
LONGEST = 120
_LETTERS = {"YYYY": 4, "YY": 2, "MM": 2, "DD": 2, "HH": 2, "mm": 2, "ss": 2, "SSS": 3}
_LETTER = re.compile("YYYY|YY|MM|DD|HH|mm|ss|SSS")
_BETWEEN = set(" -/.:,T_")
_LAST_EPOCH_S = 253_402_300_799
_FIRST_YEAR, _LAST_YEAR = 1990, 2199


class BadPattern(ValueError):
    """A form or a pattern that nobody could read by; the message says what to do."""


class Form:
    """How a date or a time is written. Raises BadPattern when it says no whole date."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.has_clock = True
        if text in WORDS:
            return
        parts: list[str] = []
        order: list[str] = []
        at = 0
        while at < len(text):
            if found := _LETTER.match(text, at):
                letters = found[0]
                if letters in order:
                    raise BadPattern(f"{letters} stands twice in {text[:40]!r}.")
                order.append(letters)
                parts.append(f"([0-9]{{{_LETTERS[letters]}}})")
                at = found.end()
            elif text[at] in _BETWEEN:
                parts.append(re.escape(text[at]))
                at += 1
            else:
                raise BadPattern(
                    f"{text[at]!r} in {text[:40]!r} is no placeholder: use YYYY or YY, MM, DD, "
                    f"HH, mm, ss, SSS and {' '.join(sorted(_BETWEEN - {' '}))} or a space "
                    f"between them, or one of {', '.join(WORDS)}."
                )
        years = [letters for letters in order if letters[0] == "Y"]
        if len(years) != 1 or "MM" not in order or "DD" not in order or len(text) > 40:
            raise BadPattern(f"{text[:40]!r} is no date: it needs YYYY, MM and DD, once each.")
        clock = [letters for letters in ("HH", "mm", "ss", "SSS") if letters in order]
        if clock != ["HH", "mm", "ss", "SSS"][: len(clock)] or len(clock) == 1:
            raise BadPattern(f"{text[:40]!r} has half a time: write HH:mm or HH:mm:ss.")
        self.has_clock = bool(clock)
        self.width = sum(_LETTERS[letters] for letters in order) + len(text) - len("".join(order))
        self._order = order
        self._match = re.compile("".join(parts), re.ASCII).fullmatch

    def moment(self, text: str, name: str) -> datetime:
        """Return the date and time that a text says, without a zone; midnight without a clock."""
        found = self._match(text)
        if found is not None:
            said = dict(zip(self._order, map(int, found.groups()), strict=True))
            year = said["YYYY"] if "YYYY" in said else 2000 + said["YY"]
            try:
                moment = datetime(  # noqa: DTZ001  (its zone is given by the caller)
                    year, said["MM"], said["DD"], said.get("HH", 0), said.get("mm", 0),
                    said.get("ss", 0), said.get("SSS", 0) * 1000,
                )  # fmt: skip
            except ValueError:
                pass
            else:
                if _FIRST_YEAR <= year <= _LAST_YEAR:
                    return moment
        raise BadValue("bad_date", f"{name} {text[:40]!r} is no date written as {self.text}.")

    def day(self, text: str, name: str) -> date:
        """Return the date that a text says."""
        return self.moment(text, name).date()

    def instant(self, text: str, name: str, zone: ZoneInfo) -> tuple[str, date]:
        """Return (ISO 8601 with offset, the day in the zone); no clock: an empty instant.

        A time without an offset is local to the zone; of the hour that comes twice in
        autumn it is the first.
        """
        if self.text in (EPOCH_MS, EPOCH_S):
            return self._epoch(text, name, zone)
        if self.text == ISO:
            said = columns.instant_of(text, name, zone)
            return said, datetime.fromisoformat(said).astimezone(zone).date()
        moment = self.moment(text, name)
        if not self.has_clock:
            return "", moment.date()
        aware = moment.replace(tzinfo=zone)
        shown = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
        return shown + columns.offset_text(aware), moment.date()

    def _epoch(self, text: str, name: str, zone: ZoneInfo) -> tuple[str, date]:
        if text.isascii() and text.isdigit() and len(text) <= 13:
            number = int(text)
            seconds, thousandths = divmod(number, 1000) if self.text == EPOCH_MS else (number, 0)
            if seconds <= _LAST_EPOCH_S:
                at = datetime.fromtimestamp(seconds, UTC)
                if _FIRST_YEAR <= at.year <= _LAST_YEAR:
                    fraction = f".{thousandths:03d}" if thousandths else ""
                    shown = f"{at:%Y-%m-%dT%H:%M:%S}{fraction}+00:00"
                    return shown, at.astimezone(zone).date()
        unit = "milliseconds" if self.text == EPOCH_MS else "seconds"
        raise BadValue("bad_date", f"{name} {text[:40]!r} is no number of {unit} since 1970.")

    def write(self, moment: datetime | date) -> str:
        """Return a date or time as the form writes it; an instant must be in its zone already."""
        if self.text == ISO:
            return moment.isoformat()
        if self.text in (EPOCH_MS, EPOCH_S):
            assert isinstance(moment, datetime)  # noqa: S101  (tells the type checker)
            seconds = int(moment.replace(microsecond=0).timestamp())
            if self.text == EPOCH_S:
                return str(seconds)
            return str(seconds * 1000 + moment.microsecond // 1000)
        clock = moment if isinstance(moment, datetime) else datetime(1970, 1, 1)  # noqa: DTZ001
        said = {
            "YYYY": f"{moment.year:04d}", "YY": f"{moment.year % 100:02d}",
            "MM": f"{moment.month:02d}", "DD": f"{moment.day:02d}", "HH": f"{clock.hour:02d}",
            "mm": f"{clock.minute:02d}", "ss": f"{clock.second:02d}",
            "SSS": f"{clock.microsecond // 1000:03d}",
        }  # fmt: skip
        return _LETTER.sub(lambda found: said[found[0]], self.text)


@dataclass
class Named:
    """What a name or a title says; None and empty where it says nothing."""

    first: date | None = None
    last: date | None = None
    sequence: str = ""
    ref: str = ""


@dataclass(frozen=True)
class _Part:
    kind: str
    text: str = ""
    form: Form | None = None


DATES = ("date", "from", "to")
PLACEHOLDERS = (*DATES, "sequence", "ref", "any")
_MOST_PARTS = 12


class Pattern:
    """What a name holds, such as ``settle_{date:YYYYMMDD}_{sequence}.csv``.

    ``{date:…}`` is the day that a file is for, ``{from:…}`` and ``{to:…}`` its first and last;
    ``{sequence}`` the digits of the partner's running number; ``{ref}`` its name of the
    settlement; ``{any}`` whatever else. Raises BadPattern.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts = list(_parts(text))
        kinds = [part.kind for part in self.parts if part.kind not in ("text", "any")]
        twice = [kind for kind in kinds if kinds.count(kind) > 1]
        if twice:
            raise BadPattern(f"{{{twice[0]}}} stands twice; once is enough.")
        if len(self.parts) > _MOST_PARTS or len(text) > LONGEST:
            raise BadPattern(
                f"The pattern is too long: up to {LONGEST} characters in {_MOST_PARTS} parts."
            )
        if ("from" in kinds) != ("to" in kinds) or ("from" in kinds and "date" in kinds):
            raise BadPattern("Use either {date:…} alone, or {from:…} and {to:…} together.")
        for one, after in pairwise(self.parts):
            if one.kind in ("ref", "any") and after.kind != "text":
                raise BadPattern(f"Put a plain text behind {{{one.kind}}}, to know where it ends.")
            if one.kind == "sequence" and after.form is not None:
                raise BadPattern("Put a plain text between {sequence} and a date.")
        self.says_days = "date" in kinds or "from" in kinds
        self.says_sequence, self.says_ref = "sequence" in kinds, "ref" in kinds

    def match(self, text: str) -> Named | None:
        """Return what a text says, or None when it is not like this pattern."""
        named, at = Named(), 0
        for index, part in enumerate(self.parts):
            if part.kind == "text":
                if not text.startswith(part.text, at):
                    return None
                at += len(part.text)
            elif part.form is not None:
                end = at + part.form.width
                try:
                    day = part.form.day(text[at:end], "the day")
                except BadValue:
                    return None
                if part.kind != "to":
                    named.first = day
                if part.kind != "from":
                    named.last = day
                at = end
            elif part.kind == "sequence":
                end = at
                while end < len(text) and text[end].isascii() and text[end].isdigit():
                    end += 1
                if not 1 <= end - at <= 12:
                    return None
                named.sequence, at = text[at:end], end
            else:
                following = self.parts[index + 1 : index + 2]
                end = text.find(following[0].text, at) if following else len(text)
                if end < 0:
                    return None
                if part.kind == "ref":
                    named.ref = text[at:end].strip()
                    if not named.ref or len(named.ref) > 64:
                        return None
                at = end
        if at != len(text) or (named.first and named.last and named.last < named.first):
            return None
        return named

    def write(self, *, first: date, last: date, sequence: int, ref: str = "") -> str:
        """Return a text that says these facts."""
        said = {"sequence": str(sequence), "ref": ref, "any": ""}
        days = {"date": last, "from": first, "to": last}
        return "".join(
            part.text if part.kind == "text"
            else part.form.write(days[part.kind]) if part.form else said[part.kind]
            for part in self.parts
        )  # fmt: skip


def _parts(text: str) -> list[_Part]:
    found: list[_Part] = []
    at = 0
    while at < len(text):
        opening = text.find("{", at)
        plain = text[at : opening if opening >= 0 else len(text)]
        if "}" in plain:
            raise BadPattern(f"A }} without its {{ in {text[:LONGEST]!r}.")
        if plain:
            found.append(_Part("text", plain))
        if opening < 0:
            break
        closing = text.find("}", opening)
        if closing < 0:
            raise BadPattern(f"A {{ without its }} in {text[:LONGEST]!r}.")
        kind, _colon, form = text[opening + 1 : closing].partition(":")
        if kind not in PLACEHOLDERS:
            raise BadPattern(
                f"{{{kind[:40]}}} is no placeholder: use {{date:YYYYMMDD}}, {{from:…}} and "
                "{to:…}, {sequence}, {ref} or {any}."
            )
        if kind in DATES:
            made = Form(form or "YYYYMMDD")
            if made.text in WORDS:
                raise BadPattern(f"{{{kind}}} needs a form such as YYYYMMDD, not {form}.")
            found.append(_Part(kind, form=made))
        elif form:
            raise BadPattern(f"{{{kind}}} takes nothing behind a colon.")
        else:
            found.append(_Part(kind))
        at = closing + 1
    return found
