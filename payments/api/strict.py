"""Bodies read strictly: what is not exactly as documented is refused, never guessed.

Duplicate names, NaN, fractions and huge numbers never become values; booleans are no
numbers and numbers are no text; a field that is not known is an error, so that a misspelt
one cannot be lost in silence.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser

from payments.api.problems import FieldError, Refused
from portal.core import money

LARGEST_BODY = 16 * 1024
LONGEST_NUMBER = 19
OLDEST = timedelta(hours=1)
"""A business day that was settled is closed, so a payment is reported while it is fresh."""
AHEAD = timedelta(minutes=5)
"""How far the clocks of a wallet and the portal may differ."""

_WALLET_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}")
_RATE = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,12})?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


class NotAnInteger(str):
    """A number of the body that is no integer of sensible length, as it was written."""

    __slots__ = ()


class StrictJSON(BaseParser):
    """Reads JSON into dicts, lists, str, int, bool and None; raises Refused for the rest."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        raw = stream.read(LARGEST_BODY + 1)
        if len(raw) > LARGEST_BODY:
            raise Refused("body_too_large", _("At most %(bytes)s bytes.") % {"bytes": LARGEST_BODY})
        return loads(raw)


def loads(raw: bytes) -> Any:
    """Return the value of a JSON text, or raise Refused ``malformed_json``."""
    try:
        text = raw.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_float=NotAnInteger, parse_int=_integer,
            parse_constant=_constant,
        )  # fmt: skip
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair fails here
    except Refused:
        raise
    except UnicodeError:
        raise Refused("malformed_json", _("The body must be UTF-8.")) from None
    except json.JSONDecodeError as error:
        raise Refused(
            "malformed_json",
            _("Line %(line)s, column %(column)s is not JSON.")
            % {"line": error.lineno, "column": error.colno},
        ) from None
    except RecursionError:
        raise Refused("malformed_json", _("The body is nested too deeply.")) from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("malformed_json", _("A name stands twice in the same object."))
    return found


def _integer(text: str) -> int | NotAnInteger:
    return int(text) if len(text) <= LONGEST_NUMBER else NotAnInteger(text)


def _constant(text: str) -> None:
    raise Refused("malformed_json", _("%(text)s is no JSON number.") % {"text": text})


class Fields:
    """The fields of one object of a body, read one by one; what is wrong is collected.

    Every reader returns a value of its type, a harmless one after an error; call
    :meth:`done` at the end, which raises Refused with all errors.
    """

    def __init__(
        self, value: Any, pointer: str = "", errors: list[FieldError] | None = None
    ) -> None:
        self._pointer = pointer
        self.errors: list[FieldError] = [] if errors is None else errors
        self._left: dict[str, Any] = {}
        if isinstance(value, dict):
            self._left = dict(value)
        else:
            self.errors.append(FieldError(pointer, "not_an_object", _("Send a JSON object.")))
        self.readable = isinstance(value, dict)

    def wrong(self, name: str, code: str, detail: str) -> None:
        self.errors.append(FieldError(f"{self._pointer}/{name}", code, detail))

    def _take(self, name: str, *, required: bool) -> Any:
        value = self._left.pop(name, None)
        if value is None and required and self.readable:
            self.wrong(name, "required", _("This field is needed."))
        return value

    def text(
        self, name: str, pattern: re.Pattern[str], hint: str, *, required: bool = False
    ) -> str:
        """Return a text that fits the pattern whole, or ''."""
        value = self._take(name, required=required)
        if value is None:
            return ""
        if type(value) is not str:
            self.wrong(name, "not_text", _("Send text in quotation marks."))
        elif not pattern.fullmatch(value):
            self.wrong(name, "bad_format", hint)
        else:
            return value
        return ""

    def wallet_ref(self, name: str, *, required: bool = False) -> str:
        return self.text(
            name, _WALLET_REF, required=required,
            hint=_("1 to 64 of A-Z a-z 0-9 . _ : / + -, a letter or digit first."),
        )  # fmt: skip

    def printable(self, name: str, *, longest: int) -> str:
        """Return text for people: any letters, no control characters."""
        value = self._take(name, required=False)
        if value is None:
            return ""
        if type(value) is not str:
            self.wrong(name, "not_text", _("Send text in quotation marks."))
        elif len(value) > longest or any(unicodedata.category(c)[0] == "C" for c in value):
            self.wrong(
                name, "bad_format",
                _("At most %(longest)s printable characters.") % {"longest": longest},
            )  # fmt: skip
        else:
            return value.strip()
        return ""

    def rate(self, name: str) -> str:
        hint = _("A positive plain decimal such as 0.0913, as text: 9 digits, 12 decimals at most.")
        value = self.text(name, _RATE, hint)
        if value and not value.strip("0."):
            self.wrong(name, "bad_format", hint)
            return ""
        return value

    def integer(self, name: str, *, least: int, most: int) -> int:
        value = self._take(name, required=True)
        if value is None:
            return least
        if type(value) is not int:
            self.wrong(name, "not_an_integer", _("Send an integer, without quotation marks."))
        elif not least <= value <= most:
            self.wrong(
                name, "out_of_range",
                _("From %(least)s to %(most)s.") % {"least": least, "most": most},
            )  # fmt: skip
        else:
            return value
        return least

    def amount(
        self, name: str, *, least: int = 1, required: bool = False
    ) -> tuple[int, str] | None:
        """Return (minor units, currency) of ``{"value": …, "currency": …}``, or None."""
        value = self._take(name, required=required)
        if value is None:
            return None
        before = len(self.errors)
        inside = Fields(value, f"{self._pointer}/{name}", self.errors)
        if not inside.readable:
            return None
        minor = inside.integer("value", least=least, most=money.LARGEST_MINOR)
        currency = inside.text(
            "currency", re.compile("[A-Z]{3}"), _("Three capital letters, ISO 4217."), required=True
        )
        if currency and currency not in money.EXPONENTS:
            inside.wrong("currency", "currency_unknown", _("This portal knows no such currency."))
        inside.no_others()
        return (minor, currency) if len(self.errors) == before else None

    def instant(self, name: str, *, now: datetime) -> datetime:
        """Return a time in UTC that is neither old nor ahead; ``now`` when it is left out."""
        hint = _("RFC 3339 with offset, such as 2026-10-14T12:00:00+02:00.")
        value = self.text(name, _INSTANT, hint)
        if not value:
            return now
        try:
            instant = datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.wrong(name, "bad_format", hint)
            return now
        if instant < now - OLDEST:
            self.wrong(
                name, "too_old", _("Report a payment within an hour; its day may be closed.")
            )
        elif instant > now + AHEAD:
            self.wrong(name, "in_the_future", _("This is more than 5 minutes ahead of our clock."))
        return instant

    def no_others(self) -> None:
        """Note every field that nobody asked for."""
        for name in self._left:
            shown = name[:64].replace("~", "~0").replace("/", "~1")
            self.wrong(shown, "unknown_field", _("There is no such field; check its spelling."))
        self._left = {}

    def done(self) -> None:
        """Raise Refused when anything was wrong."""
        self.no_others()
        if self.errors:
            raise Refused(
                "invalid_fields",
                _("Nothing was booked. See errors for each field."),
                errors=self.errors,
            )
