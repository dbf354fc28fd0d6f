"""A description of a layout as a form and as tables, both from its own declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from wallets.formats import description as said
from wallets.formats.description import SECTIONS, BadDescription, Key
from wallets.models import Wallet

SPARE_ROWS = 3
_PLACE = re.compile("([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)

LABELS = {
    "ref": _("Id of the payment"), "store": _("Shop"), "gross": _("Amount"),
    "letter": _("CR or DR"), "settled_currency": _("Currency paid out"),
    "settled_gross": _("Amount paid out"), "rate": _("Exchange rate"),
    "merchant_ref": _("Merchant's reference"), "original_ref": _("Id of what is refunded"),
    "settlement_ref": _("Settlement"), "time": _("Date and time"), "clock": _("Time of day"),
    "skip_rows": _("Rows above"), "headings": _("Has headings"), "name": _("File name"),
    "days_back": _("Days back"), "open_end": _("Last line may be open"),
    "record_length": _("Length of a record"), "period_from": _("First day"),
    "period_to": _("Last day"), "count": _("Number of rows"), "mark": _("Decimal mark"),
    "thousands": _("Between thousands"), "short": _("Fewer decimals"), "sign": _("Signs"),
    "credit": _("Credit"), "debit": _("Debit"), "fee_sign": _("Sign of the fee"),
    "fee_by": _("Fee belongs to"), "empty_fee": _("Empty fee is none"),
    "form": _("Form of times"), "zone": _("Time zone"), "dates": _("Form of dates"),
    "by": _("One settlement is"), "rule": _("The file ends with"), "value": _("Word of totals"),
    "column": _("Where that word stands"), "sums": _("The sum adds up"), "end": _("End mark"),
}  # fmt: skip


def label(name: str) -> str:
    return str(LABELS.get(name) or _now(name.replace("_", " ").capitalize()))


def place_text(kind: str, place: Any) -> str:
    """Return a place as it is typed: a heading, ``#3``, or ``12-23`` of fixed positions."""
    if not isinstance(place, dict):
        return ""
    if kind == said.FIXED:
        start, length = place.get("start"), place.get("length")
        if not isinstance(start, int) or not isinstance(length, int):
            return ""
        return f"{start}-{start + length - 1}"
    if "position" in place:
        return f"#{place['position']}"
    return str(place.get("heading", ""))


def _facts_hint(kind: str) -> str:
    if kind == said.FIXED:
        return _now(
            "Its row, and its first and last character, such as 12-23. Empty: there is none."
        )
    return _now("Its row, and # with its position from 1, such as #2. Empty: there is none.")


class PlaceField(forms.CharField):
    """Where something stands; cleaned to a place of the kind of file, or None."""

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=said.LONGEST, **kwargs)
        self.kind = kind

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        if self.kind == said.FIXED:
            found = _PLACE.fullmatch(text)
            first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
            if not 1 <= first <= last:
                raise ValidationError(_now("Write first and last character, such as 12-23."))
            return {"start": first, "length": last - first + 1}
        if re.fullmatch("#[0-9]{1,5}", text, re.ASCII):
            return {"position": int(text[1:])}
        return {"heading": text}


@dataclass
class Row:
    """A question of the form: its fields, and what the description lacks there."""

    label: str
    about: str
    fields: list[BoundField]
    problems: list[str] = field(default_factory=list)

    @property
    def is_box(self) -> bool:
        return isinstance(self.fields[0].field, forms.BooleanField)


@dataclass
class Section:
    """A group of questions; one with ``heads`` is a table under these headings."""

    name: str
    title: str
    about: str
    rows: list[Row]
    problems: list[str] = field(default_factory=list)
    heads: tuple[str, ...] = ()


def _places_hint(kind: str) -> str:
    if kind == said.FIXED:
        return _now(
            "First and last character, counted from 1, such as 12-23. Empty: there is none."
        )
    return _now(
        "The heading as it is written, or # and the position from 1, such as #3. Empty: there is "
        "none."
    )


def _heads(section: str, kind: str) -> tuple[str, ...]:
    """Return the headings of a section that is a table of questions."""
    where = _now("Characters") if kind == said.FIXED else _now("Column")
    return {
        "facts": (_now("What"), _now("Row"), where, _now("Text in front")),
        "columns": (_now("What we need"), where),
        "types": (_now("The partner's word"), _now("stands for")),
        "wallets": (_now("The partner's word"), _now("is the wallet")),
    }.get(section, ())


def _names_itself(box: forms.Field) -> None:
    """Give a field of a table its name: there it has no label of its own."""
    box.widget.attrs["aria-label"] = str(box.label)


class DescriptionForm(forms.Form):
    """Every key that the kind of file has, from the declaration; nothing is made up here."""

    def __init__(self, said_now: dict[str, Any], data: Any = None) -> None:
        super().__init__(data)
        self.said = said_now = said_now if isinstance(said_now, dict) else {}
        file = said_now.get("file")
        self.kind = str(file.get("kind", said.DELIMITED)) if isinstance(file, dict) else ""
        if self.kind not in (said.DELIMITED, said.XLSX, said.FIXED):
            self.kind = said.DELIMITED
        for name, (_title, keys) in SECTIONS.items():
            now = said_now.get(name)
            now = now if isinstance(now, dict) else {}
            for key in keys:
                if self.kind in key.kinds:
                    self._add(f"{name}.{key.name}", key, now.get(key.name, key.default))
        means = [("", "")] + [
            (word, f"{word}: {_now(about)}") for word, about in said.MEANINGS.items()
        ]
        self._table("types", means)
        codes = [("", "")] + [(one.code, one.name) for one in Wallet.objects.order_by("name")]
        self._table("wallets", codes)

    def _add(self, name: str, key: Key, value: Any) -> None:
        box: forms.Field
        if key.takes == "choice":
            choices = [(word, _now(text)) for word, text in key.choices.items()]
            box = forms.ChoiceField(choices=choices, required=False)
        elif key.takes == "yes_no":
            box = forms.BooleanField(required=False)
        elif key.takes == "whole":
            box = forms.IntegerField(min_value=0, max_value=key.most, required=False)
        elif key.takes == "words":
            box = forms.CharField(required=False, max_length=400)
            value = ", ".join(value) if isinstance(value, list | tuple) else ""
        elif key.takes in ("place", "fact"):
            box = PlaceField(self.kind)
            if key.takes == "fact":
                self._fact(name, key, value)
            value = place_text(self.kind, value)
        else:
            box = forms.CharField(required=False, max_length=key.most, strip=False)
        box.initial, box.label = value, label(key.name)
        box.widget.attrs["autocomplete"] = "off"
        if key.takes == "text":
            box.widget.attrs["size"] = min(max(key.most, 4), 48)
        if key.takes in ("place", "fact"):
            _names_itself(box)
        self.fields[name] = box

    def _fact(self, name: str, key: Key, value: Any) -> None:
        value = value if isinstance(value, dict) else {}
        word = "like" if key.name == "title" else "after"
        row = forms.IntegerField(min_value=1, max_value=said.MOST_SKIPPED, required=False)
        row.initial, row.label = value.get("row"), _now("Row of: %s") % label(key.name)
        text = forms.CharField(required=False, max_length=said.LONGEST)
        text.initial = value.get(word, "")
        text.label = (_now("Like, of: %s") if word == "like" else _now("Text in front of: %s")) % (
            label(key.name)
        )
        for one in (row, text):
            _names_itself(one)
        self.fields[f"{name}.row"], self.fields[f"{name}.{word}"] = row, text

    def _table(self, name: str, choices: list[tuple[str, str]]) -> None:
        now = self.said.get(name)
        words = list(now.items()) if isinstance(now, dict) else []
        for number in range(len(words) + SPARE_ROWS):
            word, means = words[number] if number < len(words) else ("", "")
            left = forms.CharField(required=False, max_length=said.LONGEST, initial=word)
            right = forms.ChoiceField(choices=choices, required=False, initial=means)
            left.label = _now("Word %s") % (number + 1)
            right.label = _now("Word %s stands for") % (number + 1)
            for one in (left, right):
                _names_itself(one)
            self.fields[f"{name}.{number}.word"] = left
            self.fields[f"{name}.{number}.means"] = right

    # --- what was typed

    def clean(self) -> dict[str, Any]:
        for name in ("types", "wallets"):
            seen = set()
            for number in range(len(self.fields)):
                if f"{name}.{number}.word" not in self.fields:
                    break
                word = self.cleaned_data.get(f"{name}.{number}.word")
                if word and not self.cleaned_data.get(f"{name}.{number}.means"):
                    self.add_error(f"{name}.{number}.means", _now("Choose what it stands for."))
                if word and word in seen:
                    self.add_error(f"{name}.{number}.word", _now("This word stands here twice."))
                seen.add(word)
        return self.cleaned_data

    def description(self) -> dict[str, Any]:
        """Return the description that was typed; what is as usual is left out."""
        found: dict[str, Any] = {}
        typed = self.cleaned_data
        kind = typed["file.kind"] or self.kind
        fits = (kind == said.FIXED) == (self.kind == said.FIXED)
        for name, (_title, keys) in SECTIONS.items():
            section = {}
            for key in keys:
                if self.kind not in key.kinds or kind not in key.kinds:
                    continue
                value = self._typed(f"{name}.{key.name}", key, fits=fits)
                if value != key.default and value not in (None, [], ""):
                    section[key.name] = value
            if name in ("types", "wallets"):
                section = self._words(name)
            if section:
                found[name] = section
        found.setdefault("file", {})["kind"] = kind
        return found

    def _typed(self, name: str, key: Key, *, fits: bool) -> Any:
        value = self.cleaned_data.get(name)
        if key.takes == "words":
            return [word.strip() for word in (value or "").split(",") if word.strip()]
        if key.takes == "whole":
            return value or 0
        if key.takes not in ("place", "fact"):
            return value
        # Headings and positions say nothing of characters, nor the other way round.
        if not value or not fits:
            return None
        if key.takes == "fact":
            word = "like" if key.name == "title" else "after"
            value = {**value, "row": self.cleaned_data.get(f"{name}.row") or 1}
            if text := self.cleaned_data.get(f"{name}.{word}"):
                value[word] = text
        return value

    def _words(self, name: str) -> dict[str, str]:
        found = {}
        for number in range(len(self.fields)):
            word = self.cleaned_data.get(f"{name}.{number}.word")
            if f"{name}.{number}.word" not in self.fields:
                break
            if word:
                found[word] = self.cleaned_data[f"{name}.{number}.means"]
        return found

    # --- for the page

    def sections(self) -> Iterator[Section]:
        """Yield the sections, with what the description still lacks beside its questions."""
        lacks = problems_of(self.said)
        for name, (title, keys) in SECTIONS.items():
            about = {
                "columns": _places_hint(self.kind),
                "facts": _facts_hint(self.kind),
                "types": _now("What the words of the type column stand for."),
                "wallets": _now("Only for a hub's file: whose code each word is."),
            }.get(name, "")  # fmt: skip
            section = Section(
                name, _now(title), about, [], lacks.pop(name, []), _heads(name, self.kind)
            )
            for key in keys:
                if self.kind in key.kinds:
                    full = f"{name}.{key.name}"
                    names = [one for one in (f"{full}.row", full, f"{full}.after", f"{full}.like")
                             if one in self.fields]  # fmt: skip
                    section.rows.append(
                        Row(
                            label(key.name), _now(key.about), [self[one] for one in names],
                            lacks.pop(full, []),
                        )
                    )  # fmt: skip
            for number in range(len(self.fields)):
                if f"{name}.{number}.word" not in self.fields:
                    break
                pair = [self[f"{name}.{number}.word"], self[f"{name}.{number}.means"]]
                section.rows.append(Row("", "", pair))
            for key_name in [one for one in lacks if one.startswith(f"{name}.")]:
                section.problems += [f"{key_name}: {text}" for text in lacks.pop(key_name)]
            yield section


def problems_of(description: Any) -> dict[str, list[str]]:
    """Return what a description lacks, by key; nothing when it can be read by."""
    found: dict[str, list[str]] = {}
    try:
        said.parse(description)
    except BadDescription as error:
        for key, text in error.problems:
            found.setdefault(key, []).append(text)
    return found


def shown(description: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return a description in words: (title, [(what, how)]), with what is as usual."""
    if not isinstance(description, dict):
        return []
    file = description.get("file")
    kind = file.get("kind", "") if isinstance(file, dict) else ""
    found = []
    for name, (title, keys) in SECTIONS.items():
        now = description.get(name)
        now = now if isinstance(now, dict) else {}
        if keys:
            said_or_usual = [(key, now.get(key.name, key.default)) for key in keys]
            rows = [
                (label(key.name), _in_words(kind, key, value))
                for key, value in said_or_usual
                if kind in key.kinds and value not in (None, "", (), [])
            ]
        else:
            rows = [
                (word, _now(said.MEANINGS.get(str(means), str(means))))
                for word, means in now.items()
            ]
        if rows:
            found.append((_now(title), rows))
    return found


def _in_words(kind: str, key: Key, value: Any) -> str:
    if key.takes == "choice":
        return _now(key.choices.get(str(value), str(value)))
    if key.takes == "yes_no":
        return _now("yes") if value else _now("no")
    if key.takes == "words":
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if key.takes not in ("place", "fact"):
        return str(value)
    text = place_text(kind, value)
    if key.takes == "fact" and isinstance(value, dict):
        text = _now("row %(row)s, %(place)s") % {"row": value.get("row"), "place": text}
        if extra := value.get("after") or value.get("like"):
            text += f" “{extra}”"
    return text
