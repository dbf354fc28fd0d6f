"""A partner's own layout, described as data: what may be said, proved before it is read by. Pure.

A description is a JSON object of sections, each an object of keys; ``SECTIONS`` declares them
all, the page docs/mapped-layout.md is made from it, and whatever it does not know is refused.
:func:`parse` returns a :class:`Description` or raises :class:`BadDescription` with every
problem at once, each with its key and with what to do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from portal.core.money import EXPONENTS
from wallets.formats.placeholders import LONGEST, BadPattern, Form, Pattern
from wallets.formats.statement import NOT_A_PAYMENT, REFUND, SALE

DELIMITED, XLSX, FIXED = "delimited", "xlsx", "fixed"
ENCODINGS = {
    "utf-8": "utf-8", "utf-8-bom": "utf-8", "utf-16": "utf-16", "latin-1": "iso-8859-1",
    "cp1252": "cp1252", "gbk": "gbk",
}  # fmt: skip
"""Each encoding and what Python calls it; a byte order mark may lead either UTF-8."""

DEDUCTION, FEE, IGNORED = "deduction", "fee", "ignored"
MEANINGS = {
    SALE: "a sale",
    REFUND: "a refund",
    NOT_A_PAYMENT: "money that moves, but no payment: a payout, a reserve, an adjustment",
    DEDUCTION: "the same, and unsigned amounts of it are taken away",
    FEE: "the fee of a payment, in a row of its own",
    IGNORED: "says nothing about money: counted and not read",
}

SIGNED, BY_TYPE, DEBIT_CREDIT, LETTER = "signed", "by_type", "debit_credit", "letter"
NONE, COLUMN, ROWS, DIFFERENCE = "none", "column", "rows", "difference"
POSITIVE, NEGATIVE = "positive", "negative"
CURRENCY = "currency"
TOTALS, END, BOTH = "totals", "end", "both"
SAMPLE_MOST = 200
MOST_COLUMNS = 500
MOST_SKIPPED = 100
WIDEST = 4_000

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,19}", re.ASCII)


class BadDescription(ValueError):
    """A description that nothing can be read by; ``problems`` are (key, what to do)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__(" ".join(f"{key}: {text}" for key, text in problems))
        self.problems = problems


class Place(NamedTuple):
    """Where a value stands: under a heading, at a position from 1, or at characters from 1.

    ``row`` is the row of a fact above the headings; ``after`` a text in front of the value.
    """

    heading: str = ""
    position: int = 0
    start: int = 0
    length: int = 0
    row: int = 0
    after: str = ""

    def __str__(self) -> str:
        where = f"row {self.row}, " if self.row else ""
        if self.heading:
            return f"{where}column “{self.heading}”"
        if self.position:
            return f"{where}column {self.position}"
        return f"{where}characters {self.start} to {self.start + self.length - 1}"


@dataclass(frozen=True)
class Key:
    """A key of a section: its name, what it takes, and what it is for.

    ``takes`` is text, yes_no, whole, choice, words, table, place or fact.
    """

    name: str
    takes: str
    about: str
    default: Any = ""
    choices: dict[str, str] = field(default_factory=dict)
    most: int = 0
    kinds: tuple[str, ...] = (DELIMITED, XLSX, FIXED)


_TEXT_KINDS = (DELIMITED, FIXED)
_ROW_KINDS = (DELIMITED, XLSX)

COLUMNS = {
    "ref": "The wallet's own id of the payment or refund.",
    "type": "What a row is: sale, refund, fee …, by the words below.",
    "time": "When it happened (or its date, with the clock in a column of its own).",
    "clock": "The time of day, where the date stands apart.",
    "store": "The wallet's reference of the location.",
    "currency": "Currency of the sale.",
    "gross": "The amount before the fee.",
    "debit": "The amount, where it is taken away.",
    "credit": "The amount, where it is given.",
    "letter": "The word that says whether the amount is given or taken away, such as CR and DR.",
    "fee": "What the partner keeps.",
    "net": "What is paid out; proved as gross less fee.",
    "settled_currency": "Currency that is paid out, where sales are converted.",
    "settled_gross": "The amount in that currency.",
    "rate": "The exchange rate, where converted.",
    "wallet": "Whose payment it is, in a hub's file.",
    "merchant_ref": "The merchant's reference; may repeat.",
    "original_ref": "For a refund (or a fee), the id of the payment.",
    "settlement_ref": "The settlement that pays the row, one batch each.",
    "value_date": "When the money arrives.",
}  # fmt: skip
FACTS = {
    "title": "A cell that says several facts, as in “{from:DD.MM.YYYY} - {to:DD.MM.YYYY}”.",
    "period_from": "First day that the file is for.",
    "period_to": "Last day, included; absent: the first.",
    "sequence": "The partner's running number of the file.",
    "settlement_ref": "What the bank transfer will be called.",
    "value_date": "When the money arrives.",
    "currency": "Currency of the totals above the rows.",
    "count": "How many rows are payments or other movements; proved.",
    "gross": "Their sum before fees; proved.",
    "fee": "The sum of fees; proved.",
    "net": "What is paid out; proved.",
}
TRAILER = {
    "column": "Where a row of totals shows that it is one.",
    "currency": "Currency of the totals.",
    "wallet": "Whose payments they add up, in a hub's file.",
    "settlement_ref": "The settlement they add up.",
    "value_date": "When the money arrives.",
    "count": "How many rows; proved.",
    "gross": "The sum before fees; proved.",
    "fee": "The sum of fees; proved.",
    "net": "What is paid out; proved.",
}
SUMS = ("count", "gross", "fee", "net")

SECTIONS: dict[str, tuple[str, tuple[Key, ...]]] = {
    "file": (
        "The file",
        (
            Key("kind", "choice", "What sort of file it is.", choices={
                DELIMITED: "text, cells parted by a sign (CSV)",
                XLSX: "workbook (XLSX), its first sheet",
                FIXED: "text of fixed positions",
            }),
            Key("encoding", "choice", "How its letters are stored.", "utf-8", choices={
                "utf-8": "UTF-8", "utf-8-bom": "UTF-8 with a byte order mark",
                "utf-16": "UTF-16 (its byte order mark is needed)", "latin-1": "Latin-1",
                "cp1252": "Windows 1252", "gbk": "GBK",
            }, kinds=_TEXT_KINDS),
            Key("delimiter", "text", "The sign between cells: one character; a tab is \\t.", ";",
                most=2, kinds=(DELIMITED,)),
            Key("quotes", "yes_no", 'Cells may stand in "quotes", and then hold the delimiter or '
                "a line end.", True, kinds=(DELIMITED,)),
            Key("skip_rows", "whole", "How many rows stand above the headings (or above the first "
                "record).", 0, most=MOST_SKIPPED),
            Key("headings", "yes_no", "A row of headings follows.", True, kinds=_ROW_KINDS),
            Key("record_length", "whole", "Characters of a record; 0 when they differ, blanks at "
                "the end left out.", 0, most=WIDEST, kinds=(FIXED,)),
            Key("name", "text", "What the file's name says, such as "
                "settle_{date:YYYYMMDD}_{sequence}.csv. Placeholders: {date:…}, {from:…} and "
                "{to:…}, {sequence}, {ref}, {any}.", most=LONGEST),
            Key("days_back", "whole", "How many days the day in the name or title is behind the "
                "day it is for: 1 when it is the day of writing.", 0, most=7),
            Key("open_end", "yes_no", "The last line may lack its line end. Only with totals or "
                "an end mark: else a cut file would not show.", False, kinds=_TEXT_KINDS),
        ),
    ),
    "facts": (
        "Facts above the rows",
        tuple(Key(name, "fact", about, None) for name, about in FACTS.items()),
    ),
    "columns": (
        "Columns",
        tuple(Key(name, "place", about, None) for name, about in COLUMNS.items()),
    ),
    "constants": (
        "What no column says",
        (
            Key("currency", "text", "The currency of every sale, when no column says it.", most=3),
            Key("settled_currency", "text", "The currency that is paid out, when sales are "
                "converted and no column says it.", most=3),
            Key("store", "text", "The location of every row, when no column says it.", most=64),
        ),
    ),
    "amounts": (
        "Amounts",
        (
            Key("unit", "choice", "What an amount counts.", "major", choices={
                "major": "euros, kroner …, with decimals", "minor": "cents, øre …, no decimals",
                "hundredths": "hundredths, also of a currency without decimals",
            }),
            Key("mark", "choice", "The decimal mark.", ".", choices={".": "point", ",": "comma"}),
            Key("thousands", "choice", "The sign between thousands.", choices={
                "": "none", ".": "point", ",": "comma", " ": "space", "\u00a0": "hard space",
                "\u202f": "narrow space", "'": "apostrophe", "’": "typographic apostrophe",
            }),
            Key("short", "yes_no", "Amounts may have fewer decimals than the currency (12,5).",
                False),
            Key("minus", "choice", "Where a minus stands.", "leading", choices={
                "leading": "in front: -12.50", "trailing": "behind: 12.50-",
            }),
            Key("sign", "choice", "How a row says that money is given or taken away.", SIGNED,
                choices={
                    SIGNED: "amounts are signed: a sale +, a refund -",
                    BY_TYPE: "amounts are unsigned, the type turns them",
                    DEBIT_CREDIT: "a column for debit and one for credit",
                    LETTER: "a column that says CR or DR",
                }),
            Key("credit", "words", "The words of that column for money given.", (), most=10),
            Key("debit", "words", "The words of that column for money taken away.", (), most=10),
            Key("fee", "choice", "Where the fee stands.", NONE, choices={
                NONE: "there is none", COLUMN: "in a column of its own",
                ROWS: "in rows of their own, of the type “fee”",
                DIFFERENCE: "nowhere: it is gross less net",
            }),
            Key("fee_sign", "choice", "The sign of a fee that is charged.", POSITIVE, choices={
                POSITIVE: "positive when charged", NEGATIVE: "negative when charged",
                BY_TYPE: "unsigned: charged for a sale, given back for a refund",
            }),
            Key("fee_by", "choice", "Which column of a fee's row holds the payment's id.", "ref",
                choices={"ref": "the id of the row", "original_ref": "the original id"}),
            Key("empty_fee", "yes_no", "An empty fee cell means no fee; else it is an error.",
                False),
        ),
    ),
    "times": (
        "Times",
        (
            Key("form", "text", "How a time is written: YYYY-MM-DD HH:mm:ss, DD.MM.YYYY, iso, "
                "epoch_ms or epoch_s. With a clock column: both, with a space between.",
                "YYYY-MM-DD HH:mm:ss", most=40),
            Key("zone", "text", "Time zone of times without an offset, such as Europe/Oslo. "
                "Empty: the wallet's.", most=40),
            Key("dates", "text", "How days are written above the rows and in value dates.",
                "YYYY-MM-DD", most=40),
        ),
    ),
    "types": ("Words of the type column", ()),
    "wallets": ("Words of the wallet column", ()),
    "batches": (
        "Settlements",
        (
            Key("by", "choice", "What makes a settlement.", CURRENCY, choices={
                CURRENCY: "every wallet and currency", COLUMN: "the settlement column",
            }),
        ),
    ),
    "trailer": (
        "The end of the file",
        (
            Key("rule", "choice", "How the file shows that it is whole.", NONE, choices={
                NONE: "it does not", TOTALS: "the last rows are totals",
                END: "its last line is a mark", BOTH: "totals, then a mark",
            }),
            Key("value", "text", "What the cell below holds in a row of totals, such as TOTAL.",
                most=LONGEST),
            *(Key(name, "place", about, None) for name, about in TRAILER.items()),
            Key("sums", "choice", "What the sum before fees adds up.", SIGNED, choices={
                SIGNED: "amounts with their signs", "unsigned": "amounts without signs",
            }),
            Key("end", "text", "The text of the last line, such as <END>.", most=LONGEST),
        ),
    ),
}  # fmt: skip
"""Every section: its title, and its keys. ``types`` and ``wallets`` are tables of their own."""


@dataclass
class Description:
    """A proved description: every key of every section has a value.

    Places are Place or absent, tables are dicts. ``zone`` is None for the wallet's own.
    """

    file: dict[str, Any]
    facts: dict[str, Place]
    columns: dict[str, Place]
    constants: dict[str, str]
    amounts: dict[str, Any]
    times: dict[str, Any]
    types: dict[str, str]
    wallets: dict[str, str]
    batches: dict[str, str]
    trailer: dict[str, Any]
    totals: dict[str, Place]
    name: Pattern | None = None
    title: Pattern | None = None
    time_form: Form | None = None
    date_form: Form = field(default_factory=lambda: Form("YYYY-MM-DD"))
    zone: ZoneInfo | None = None
    period_from_rows: bool = False

    @property
    def kind(self) -> str:
        return str(self.file["kind"])

    @property
    def has_totals(self) -> bool:
        return self.trailer["rule"] in (TOTALS, BOTH)

    @property
    def end(self) -> str:
        return str(self.trailer["end"]) if self.trailer["rule"] in (END, BOTH) else ""


def parse(said: Any) -> Description:
    """Return a proved description, or raise BadDescription with all that is wrong with it."""
    found = _Parsing()
    made = found.description(said)
    if found.problems:
        raise BadDescription(found.problems)
    _Rules(made, found).check()
    if found.problems:
        raise BadDescription(found.problems)
    return made


class _Parsing:
    """Takes a description apart, and notes what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[tuple[str, str]] = []
        self.kind = ""

    def wrong(self, key: str, text: str) -> None:
        if len(self.problems) < SAMPLE_MOST:
            self.problems.append((key[:LONGEST], text))

    def description(self, said: Any) -> Description:
        if not isinstance(said, dict) or not said:
            raise BadDescription([("description", "Say at least what sort of file it is.")])
        for name in said:
            if name not in SECTIONS:
                self.wrong(
                    str(name), f"There is no such section; use {', '.join(SECTIONS)} or remove it."
                )
        given = said.get("file")
        kind = given.get("kind") if isinstance(given, dict) else None
        if not isinstance(kind, str) or kind not in (DELIMITED, XLSX, FIXED):
            raise BadDescription(
                [*self.problems, ("file.kind", f"Choose {DELIMITED}, {XLSX} or {FIXED}.")]
            )
        self.kind = kind
        taken: dict[str, Any] = {name: self.section(name, said.get(name, {})) for name in SECTIONS}
        totals = {
            name: place for name in TRAILER if (place := taken["trailer"].pop(name)) is not None
        }
        for name in ("facts", "columns"):
            taken[name] = {key: one for key, one in taken[name].items() if one is not None}
        return Description(**taken, totals=totals)

    def section(self, name: str, said: Any) -> dict[str, Any]:
        if not isinstance(said, dict):
            self.wrong(name, "This must be an object of keys and values.")
            said = {}
        if name == "types":
            return self.table(name, said, tuple(MEANINGS), lambda one: one in MEANINGS)
        if name == "wallets":
            codes = ("codes such as bluecode",)
            return self.table(name, said, codes, lambda one: bool(_CODE.fullmatch(one)))
        keys = {key.name: key for key in SECTIONS[name][1]}
        for given in said:
            if given not in keys:
                self.wrong(f"{name}.{given}", "There is no such key; remove it.")
        return {key.name: self.value(name, key, said) for key in keys.values()}

    def value(self, section: str, key: Key, said: dict[str, Any]) -> Any:
        name = f"{section}.{key.name}"
        if key.name not in said:
            return key.default
        value = said[key.name]
        if self.kind not in key.kinds:
            self.wrong(name, f"A file of the kind {self.kind} has none; remove it.")
            return key.default
        take: Callable[[str, Key, Any], Any] = getattr(self, f"_{key.takes}")
        return take(name, key, value)

    def _text(self, name: str, key: Key, value: Any) -> str:
        if isinstance(value, str) and len(value) <= key.most and _is_plain(value):
            return value
        self.wrong(name, f"Write a text of up to {key.most} printable characters.")
        return str(key.default)

    def _yes_no(self, name: str, key: Key, value: Any) -> bool:
        if not isinstance(value, bool):
            self.wrong(name, "Say true or false.")
        return value is True

    def _whole(self, name: str, key: Key, value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= key.most:
            return value
        self.wrong(name, f"Give a whole number from 0 to {key.most}.")
        return 0

    def _choice(self, name: str, key: Key, value: Any) -> str:
        if isinstance(value, str) and value in key.choices:
            return value
        self.wrong(name, f"Choose one of: {', '.join(map(repr, key.choices))}.")
        return str(key.default)

    def _words(self, name: str, key: Key, value: Any) -> tuple[str, ...]:
        if isinstance(value, list) and len(value) <= key.most and all(map(_is_word, value)):
            return tuple(value)
        self.wrong(name, f"List up to {key.most} words without outer spaces.")
        return ()

    def table(
        self, name: str, said: dict[Any, Any], takes: tuple[str, ...], fits: Callable[[str], bool]
    ) -> dict[str, str]:
        """Return a table of a partner's words to ours."""
        if len(said) > SAMPLE_MOST:
            self.wrong(name, f"The table has more than {SAMPLE_MOST} words; leave some out.")
            return {}
        found = {}
        for word, ours in said.items():
            if not _is_word(word):
                self.wrong(
                    f"{name}.{word}",
                    "Give a word of up to 120 characters without spaces around it.",
                )
            elif not isinstance(ours, str) or not fits(ours):
                self.wrong(f"{name}.{word}", f"It can stand for {', '.join(takes)}.")
            else:
                found[word] = ours
        return found

    def _place(self, name: str, key: Key, value: Any) -> Place | None:
        return self.place(name, value, ())

    def _fact(self, name: str, key: Key, value: Any) -> Place | None:
        extra = ("row", "like") if key.name == "title" else ("row", "after")
        return self.place(name, value, extra)

    def place(self, name: str, value: Any, extra: tuple[str, ...]) -> Place | None:
        """Return a place, or None when it is none that this kind of file has."""
        if self.kind == FIXED:
            wanted, shown = {"start", "length"}, '{"start": 1, "length": 10}'
        elif extra:
            wanted, shown = {"position"}, '{"row": 1, "position": 2}'
        else:
            wanted, shown = {"heading"}, '{"heading": "Amount"} or {"position": 3}'
            if isinstance(value, dict) and "position" in value:
                wanted = {"position"}
        if extra:
            wanted = wanted | {"row"}
        if extra and self.kind == FIXED:
            shown = '{"row": 1, "start": 1, "length": 10}'
        keys = set(value) if isinstance(value, dict) else set()
        if not wanted <= keys or keys - wanted - set(extra):
            self.wrong(name, f"Say where it stands, as in {shown}.")
            return None
        limits = {"position": MOST_COLUMNS, "start": WIDEST, "length": 200, "row": MOST_SKIPPED}
        for word in wanted - {"heading"}:
            number = value[word]
            if isinstance(number, bool) or not isinstance(number, int):
                number = 0
            if not 1 <= number <= limits[word]:
                self.wrong(name, f"{word} must be a whole number from 1 to {limits[word]}.")
                return None
        after = value.get("after", value.get("like", ""))
        if not isinstance(after, str) or len(after) > LONGEST or not _is_plain(after):
            self.wrong(name, "The text in front must be a plain text.")
            return None
        heading = value.get("heading", "")
        if "heading" in wanted and not _is_word(heading):
            self.wrong(name, "heading must be a text of up to 120 characters, no outer spaces.")
            return None
        return Place(
            heading, value.get("position", 0), value.get("start", 0), value.get("length", 0),
            value.get("row", 0), after,
        )  # fmt: skip


def _is_plain(text: str) -> bool:
    return all(letter.isprintable() or letter in "\u00a0\u202f" for letter in text)


def _is_word(text: Any) -> bool:
    return (
        isinstance(text, str)
        and 1 <= len(text) <= LONGEST
        and text == text.strip()
        and text.isprintable()
    )


class _Rules:
    """What the parts of a description must be to each other."""

    def __init__(self, of: Description, parsing: _Parsing) -> None:
        self.of, self.wrong = of, parsing.wrong

    def check(self) -> None:
        self.the_file()
        self.times_and_days()
        self.what_rows_say()
        self.signs()
        self.fees()
        self.trailer()

    def needs(self, *names: str, why: str) -> None:
        for name in names:
            if name not in self.of.columns:
                self.wrong(f"columns.{name}", f"Say where it stands: {why}.")

    def not_used(self, *names: str, why: str) -> None:
        for name in names:
            if name in self.of.columns:
                self.wrong(f"columns.{name}", f"Remove it: {why}.")

    def the_file(self) -> None:
        of, file, amounts = self.of, self.of.file, self.of.amounts
        if of.kind == DELIMITED:
            file["delimiter"] = sign = file["delimiter"].replace("\\t", "\t")
            if len(sign) != 1 or sign.isalnum() or sign in "\"'+-.\\":
                self.wrong("file.delimiter", "Give one sign, such as ; , | or \\t for a tab.")
            elif not file["quotes"] and amounts["unit"] == "major":
                for key in ("mark", "thousands"):
                    if amounts[key] == sign:
                        self.wrong(f"amounts.{key}", "It parts cells too; allow quotes.")
        if amounts["thousands"] == amounts["mark"]:
            self.wrong("amounts.thousands", "Choose another sign than the decimal mark.")
        if amounts["unit"] != "major" and amounts["thousands"]:
            self.wrong("amounts.thousands", "Amounts without decimals have none; choose none.")
        if file["name"]:
            of.name = self.pattern("file.name", file["name"])
        for name, place in of.facts.items():
            if place.row > file["skip_rows"]:
                self.wrong(f"facts.{name}", f"Row {place.row} is not above the rows; see "
                           "file.skip_rows.")  # fmt: skip
        if "title" in of.facts:
            like = of.facts["title"].after
            of.title = self.pattern("facts.title", like) if like else None
            if not like:
                self.wrong("facts.title", 'Say "like", as in "{from:YYYYMMDD} - {to:YYYYMMDD}".')
        if not file.get("headings") or of.kind == FIXED:
            for section, places in (("columns", of.columns), ("trailer", of.totals)):
                for name, place in places.items():
                    if place.heading:
                        self.wrong(f"{section}.{name}", "There are no headings; give a position.")
        length = file["record_length"]
        for section, places in (("columns", of.columns), ("trailer", of.totals)):
            for name, place in places.items():
                if length and place.start + place.length - 1 > length:
                    self.wrong(f"{section}.{name}", f"It ends behind the record's {length} "
                               "characters.")  # fmt: skip

    def pattern(self, key: str, text: str) -> Pattern | None:
        try:
            return Pattern(text)
        except BadPattern as error:
            self.wrong(key, str(error))
            return None

    def form(self, key: str, text: str) -> Form | None:
        try:
            return Form(text)
        except BadPattern as error:
            self.wrong(key, str(error))
            return None

    def times_and_days(self) -> None:
        of = self.of
        if "time" in of.columns:
            of.time_form = self.form("times.form", of.times["form"])
        elif "clock" in of.columns:
            self.wrong("columns.time", "Say where the date stands, for the clock beside it.")
        dates = self.form("times.dates", of.times["dates"])
        if dates is not None and dates.has_clock:
            self.wrong("times.dates", "Write a date without a clock, such as DD.MM.YYYY.")
        of.date_form = dates or of.date_form
        if of.times["zone"]:
            try:
                of.zone = ZoneInfo(of.times["zone"])
            except (KeyError, ValueError, OSError):
                self.wrong("times.zone", "Give a time zone such as Europe/Oslo, or leave it empty.")
        says = any(pattern and pattern.says_days for pattern in (of.name, of.title))
        if "period_to" in of.facts and "period_from" not in of.facts:
            self.wrong("facts.period_from", "Say where the first day stands too.")
        of.period_from_rows = not says and "period_from" not in of.facts
        if of.period_from_rows and "time" not in of.columns:
            self.wrong(
                "file.name",
                "Nothing says which days a file is for: use {date:…} in the name, a fact above "
                "the rows, or a time column.",
            )

    def what_rows_say(self) -> None:
        of = self.of
        self.needs("ref", why="a row is found by it")
        for name, rest in (("currency", "a constant"), ("store", "a constant")):
            constant = of.constants[name]
            if name in of.columns and constant:
                self.wrong(f"constants.{name}", "A column says it; leave this empty.")
            if name not in of.columns and not constant:
                self.wrong(f"columns.{name}", f"Say where it stands, or give {rest}.")
        for name in ("currency", "settled_currency"):
            code = of.constants[name]
            if code and code not in EXPONENTS:
                self.wrong(f"constants.{name}", f"{code!r} is no currency this portal knows.")
        store = of.constants["store"]
        if store and not (store.isascii() and store.isprintable() and " " not in store):
            self.wrong("constants.store", "Use letters, digits and signs without spaces.")
        converted = "settled_currency" in of.columns or bool(of.constants["settled_currency"])
        if converted and of.constants["settled_currency"]:
            self.not_used("settled_currency", why="a constant says it")
        if converted != ("settled_gross" in of.columns):
            self.wrong(
                "columns.settled_gross",
                "An amount that is paid out in another currency needs both: its column and its "
                "currency (a column or a constant).",
            )
        if "rate" in of.columns and not converted:
            self.wrong("columns.rate", "Nothing is converted; remove it.")
        if of.wallets:
            self.needs("wallet", why="there are words of it")
        if of.batches["by"] == COLUMN:
            self.needs("settlement_ref", why="it makes the settlements")
        else:
            self.not_used("settlement_ref", why="settlements are made by currency")
        if of.types:
            self.needs("type", why="there are words of it")
        elif "type" in of.columns:
            self.wrong("types", "Say what the words of the type column stand for.")

    def signs(self) -> None:
        of, sign = self.of, self.of.amounts["sign"]
        if sign == DEBIT_CREDIT:
            self.needs("debit", "credit", why="they hold the amount")
            self.not_used("gross", why="the amount is in the debit and credit columns")
            self.not_used("settled_gross", why="debit and credit columns carry no conversion")
        else:
            self.needs("gross", why="it is the amount")
            self.not_used("debit", "credit", why="the sign is said in another way")
        if sign == BY_TYPE:
            self.needs("type", why="it says the sign")
        if sign == LETTER:
            self.needs("letter", why="it says the sign")
            for key in ("credit", "debit"):
                if not of.amounts[key]:
                    self.wrong(f"amounts.{key}", "List the words of the column, such as CR or DR.")
            if set(of.amounts["credit"]) & set(of.amounts["debit"]):
                self.wrong("amounts.debit", "A word cannot mean both; remove it from one list.")
        else:
            self.not_used("letter", why="the sign is said in another way")
            for key in ("credit", "debit"):
                if of.amounts[key]:
                    self.wrong(f"amounts.{key}", "Only a CR or DR column has such words; empty it.")
        if DEDUCTION in of.types.values() and sign != BY_TYPE:
            self.wrong("types", "“deduction” is for unsigned amounts; use not_a_payment.")

    def fees(self) -> None:
        of, fee, sign = self.of, self.of.amounts["fee"], self.of.amounts["fee_sign"]
        if fee == COLUMN:
            self.needs("fee", why="it holds the fee")
        else:
            self.not_used("fee", why="the fee stands elsewhere")
        if fee == DIFFERENCE:
            self.needs("net", why="the fee is gross less net")
        rows = FEE in of.types.values()
        if (fee == ROWS) != rows:
            self.wrong(
                "types", "Say which word is “fee”." if fee == ROWS else
                "“fee” is for fees in rows of their own; see amounts.fee.",
            )  # fmt: skip
        if fee == ROWS:
            self.not_used("net", why="fees come in rows of their own")
            self.not_used("settled_gross", why="fees in rows of their own carry no conversion")
            if of.amounts["fee_by"] == "original_ref":
                self.needs("original_ref", why="it names the payment of a fee")
            if sign == BY_TYPE or (of.amounts["sign"] == BY_TYPE and sign != POSITIVE):
                self.wrong(
                    "amounts.fee_sign",
                    "A fee in a row of its own is positive or negative when charged; unsigned "
                    "ones are positive.",
                )
        elif sign == BY_TYPE:
            self.needs("type", why="it says whether a fee is charged")

    def trailer(self) -> None:
        of, trailer = self.of, self.of.trailer
        trailer["value"], trailer["end"] = trailer["value"].strip(), trailer["end"].strip()
        if of.has_totals:
            if not trailer["value"]:
                self.wrong("trailer.value", "Say what a row of totals shows, such as TOTAL.")
            if "column" not in of.totals:
                self.wrong("trailer.column", "Say where that word stands.")
            if not any(name in of.totals for name in SUMS):
                self.wrong("trailer.count", "Say where a count or a sum stands, to prove it.")
        elif of.totals or trailer["value"]:
            self.wrong("trailer.rule", "There are places of totals: choose totals, or remove them.")
        if (trailer["rule"] in (END, BOTH)) != bool(trailer["end"]):
            self.wrong("trailer.end", "Give the text of the end mark, and choose it as the rule.")
        if of.file["open_end"] and trailer["rule"] == NONE:
            self.wrong(
                "file.open_end",
                "Without totals or an end mark a cut file would not show; ask the partner to end "
                "the last line.",
            )
        if any(name in of.facts for name in ("gross", "fee", "net")) and not (
            "currency" in of.facts or of.constants["currency"]
        ):
            self.wrong("facts.currency", "Say where the currency of these sums stands.")


# -- its page ------------------------------------------------------------------------------

EXAMPLE: dict[str, Any] = {
    "file": {
        "kind": DELIMITED, "encoding": "utf-8", "delimiter": ";", "quotes": True,
        "skip_rows": 1, "headings": True, "name": "settle_{date:YYYYMMDD}_{sequence}{any}.csv",
    },
    "facts": {
        "settlement_ref": {"row": 1, "position": 2},
    },
    "columns": {
        "ref": {"heading": "Transaction"}, "type": {"heading": "Type"},
        "time": {"heading": "Date"}, "clock": {"heading": "Time"},
        "store": {"heading": "Shop"}, "currency": {"heading": "Currency"},
        "gross": {"heading": "Amount"}, "fee": {"heading": "Fee"}, "net": {"heading": "Payout"},
    },
    "amounts": {"mark": ",", "thousands": ".", "sign": SIGNED, "fee": COLUMN,
                "fee_sign": NEGATIVE},
    "times": {"form": "DD.MM.YYYY HH:mm:ss", "zone": "Europe/Ljubljana"},
    "types": {"Purchase": SALE, "Return": REFUND, "Chargeback": NOT_A_PAYMENT},
    "trailer": {
        "rule": TOTALS, "value": "Total", "column": {"position": 1},
        "count": {"position": 2}, "currency": {"heading": "Currency"},
        "gross": {"heading": "Amount"}, "fee": {"heading": "Fee"}, "net": {"heading": "Payout"},
    },
}  # fmt: skip
EXAMPLE_FILE = """\
Settlement;SIRIO-41;;;;;;;
Transaction;Type;Date;Time;Shop;Currency;Amount;Fee;Payout
S-1001;Purchase;14.10.2026;12:30:00;100001;EUR;1.250,00;-3,75;1.246,25
S-1002;Return;14.10.2026;12:41:09;100001;EUR;-4,50;0,00;-4,50
Total;2;;;;EUR;1.245,50;-3,75;1.241,75
"""


def describe() -> str:
    """Return docs/mapped-layout.md: what a description may say, from its own declaration."""
    import json

    parts = [
        "# The mapped layout\n",
        "A partner that sends a file of its own has it described in the back office, under "
        "Mappings, and no code is written. The description is kept as the JSON object below; "
        "the pages of the back office are a form of it.\n",
        "This page is made by `python -m wallets.formats.description > docs/mapped-layout.md` "
        "from the declaration that descriptions are proved by.\n",
        "- An unknown section or key is refused, and so is one that the kind of file has not.\n"
        '- A place is `{"heading": "Amount"}` or `{"position": 3}` (from 1) in text with '
        'cells and in workbooks, `{"start": 1, "length": 10}` (characters from 1) in fixed '
        "positions. A fact has its `row` too, and may have a text `after` which it stands.\n"
        "- Spaces around a cell do not count. Amounts are plain digits with the marks that are "
        "declared, and nothing else. Numbers of a workbook are taken as they are shown by their "
        "shortest text; ids, dates and words must be text cells.\n"
        "- A type that nobody told us of is a movement that is no payment, with a warning, "
        "where amounts are signed; where the type gives the sign, it is an error. Without a "
        "type column a row is a sale when it gives, a refund when it takes.\n"
        "- A time that is a date alone is not kept as a time; it counts for the period.\n"
        "- Without a day in the name or above the rows, the period is that of the rows: then a "
        "late payment stretches it, so prefer a day in the name.\n"
        "- Without totals or an end mark, rows lost at the end cannot show.\n",
    ]
    for name, (title, keys) in SECTIONS.items():
        parts.append(f"## {name}: {title[0].lower()}{title[1:]}\n")
        if name == "types":
            parts += ["A table of the partner's words.\n\n| stands for | which is |\n|---|---|"]
            parts += [f"| `{word}` | {about} |" for word, about in MEANINGS.items()]
        elif name == "wallets":
            parts.append("A table of the partner's words to codes of wallets. Without it the "
                         "column holds codes.")  # fmt: skip
        else:
            parts.append("| key | takes | says |\n|---|---|---|")
            parts += [f"| `{key.name}` | {_taken(key)} | {_cell(key.about)} |" for key in keys]
        parts.append("")
    parts.append("## An example\n\n```json\n" + json.dumps(EXAMPLE, indent=2) + "\n```\n")
    parts.append(f"reads `settle_20261014_41.csv`:\n\n```\n{EXAMPLE_FILE}```")
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _taken(key: Key) -> str:
    if key.takes == "choice":
        return ", ".join(f"`{_cell(word)}`" if word.strip() else repr(word) for word in key.choices)
    words = {"yes_no": "true or false", "whole": "a whole number", "words": "a list of words",
             "fact": "a place with its row"}  # fmt: skip
    said = words.get(key.takes, f"a {key.takes}")
    return said if key.kinds == (DELIMITED, XLSX, FIXED) else f"{said} ({', '.join(key.kinds)})"


if __name__ == "__main__":
    sys.stdout.write(describe())
