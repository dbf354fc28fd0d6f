"""The pages of the application as forms: each cleans its answers or says how to fix them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from merchants import identifiers, printing
from merchants.models import Application
from wallets.models import COUNTRIES


def translated(error: identifiers.InvalidIdentifier) -> str:
    """Return the message of a refused number in the reader's language."""
    params = {
        name: _(value) if name == "name" and isinstance(value, str) else value
        for name, value in error.params.items()
    }
    return _(error.template) % params


def checked(check: Callable[[], str]) -> str:
    """Run a check of the pure room; turn its refusal into a form error."""
    try:
        return check()
    except identifiers.InvalidIdentifier as error:
        raise ValidationError(translated(error)) from None


class PlainText(forms.CharField):
    """One line of text in any script, with single spaces and nothing invisible."""

    def to_python(self, value: Any) -> str:
        return identifiers.tidy(super().to_python(value) or "")


class PrintedText(PlainText):
    """A line that is printed on stickers, so every letter must have a shape in our fonts."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if strange := printing.unprintable(text):
            raise ValidationError(
                _(
                    "We cannot print %(letters)s on a sticker. Write the name in Latin, Greek, "
                    "Cyrillic or Chinese letters, as it is known to payers."
                )
                % {"letters": " ".join(strange[:8])}
            )
        return text


class TextOrNone(PlainText):
    """A line that may stay empty when another field says why; the form decides."""

    def validate(self, value: Any) -> None:
        """Leave an empty answer to the form."""


class StepForm(forms.Form):
    """A page of an application; begins with what was saved before."""

    def __init__(self, *args: Any, application: Application, **kwargs: Any) -> None:
        self.application = application
        kwargs.setdefault(
            "initial", {name: getattr(application, name) for name in self.base_fields}
        )
        super().__init__(*args, **kwargs)


class CountryForm(StepForm):
    country = forms.ChoiceField(
        label=gettext_lazy("Where is the business registered?"),
        error_messages={"required": gettext_lazy("Choose the country of the business.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = sorted((_(name), code) for code, (name, _money, _zone) in COUNTRIES.items())
        self.fields["country"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose a country")), *((code, name) for name, code in names)
        ]  # fmt: skip


class BusinessForm(StepForm):
    legal_form = forms.ChoiceField(
        label=gettext_lazy("Legal form"),
        error_messages={"required": gettext_lazy("Choose the legal form of the business.")},
    )
    legal_name = PlainText(
        label=gettext_lazy("Legal name"),
        max_length=160,
        help_text=gettext_lazy("As it is written in the register, in any script."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        error_messages={"required": gettext_lazy("Write the name the business is registered by.")},
    )
    company_number = PlainText(
        label=gettext_lazy("Company number"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Write the number of the business.")},
    )
    vat_number = TextOrNone(
        label=gettext_lazy("VAT number"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    has_no_vat_number = forms.BooleanField(
        label=gettext_lazy("The business has no VAT number"), required=False
    )  # fmt: skip

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country = self.application.country
        forms_of = identifiers.legal_forms(country)
        self.fields["legal_form"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose a legal form")), *((code, _(name)) for code, name in forms_of.items())
        ]  # fmt: skip
        self.fields["company_number"].help_text = _numbers_asked_for(country)
        self.fields["vat_number"].help_text = format_lazy(
            gettext_lazy("Such as {example}."), example=identifiers.vat_example(country)
        )

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or self.cleaned_data
        number, form = answers.get("company_number"), answers.get("legal_form")
        if number and form:
            self._check(
                "company_number",
                lambda: identifiers.check_company_number(self.application.country, form, number),
            )
        self._check_vat(answers)
        return answers

    def _check_vat(self, answers: dict[str, Any]) -> None:
        if "vat_number" not in answers:
            return
        number, has_none = answers["vat_number"], answers.get("has_no_vat_number")
        if number and has_none:
            self.add_error(
                "vat_number", _("You wrote a VAT number and ticked that there is none. Keep one.")
            )
        elif number:
            self._check(
                "vat_number", lambda: identifiers.check_vat(self.application.country, number)
            )
        elif not has_none:
            self.add_error(
                "vat_number",
                _("Write the VAT number, or tick the box below if the business has none."),
            )

    def _check(self, field: str, check: Callable[[], str]) -> None:
        try:
            self.cleaned_data[field] = checked(check)
        except ValidationError as error:
            self.add_error(field, error)


def _numbers_asked_for(country: str) -> str:
    """Say which number names a business, for each legal form that has one of its own."""
    forms_of = identifiers.legal_forms(country)
    by_kind: dict[tuple[str, str], list[str]] = {}
    for form, name in forms_of.items():
        number_of = identifiers.company_number_kind(country, form)
        by_kind.setdefault((number_of.name, number_of.example), []).append(_(name))
    usual = max(by_kind, key=lambda kind: len(by_kind[kind]))
    said = []
    for kind, names in sorted(by_kind.items(), key=lambda entry: entry[0] != usual):
        number = _("%(name)s, such as %(example)s") % {"name": _(kind[0]), "example": kind[1]}
        said.append(number if kind == usual else f"{' / '.join(names)}: {number}")
    return " ".join(f"{one[:1].upper()}{one[1:]}." for one in said)


class BankForm(StepForm):
    iban = PlainText(
        label=gettext_lazy("IBAN"), max_length=60,
        help_text=gettext_lazy(
            "The account we pay your sales to. Spaces are fine."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Write the IBAN of the account.")},
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if saved := self.initial.get("iban"):
            self.initial["iban"] = identifiers.pretty_iban(saved)

    def clean_iban(self) -> str:
        return checked(lambda: identifiers.check_iban(self.cleaned_data["iban"])[0])


class SellsForm(StepForm):
    """Choose a kind of shop, from a short list or from what a search found."""

    mcc = forms.ChoiceField(
        label=gettext_lazy("What kind of shop is it?"), widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose what you sell, or search for it in plain words."),
            "invalid_choice": gettext_lazy("Choose one of the kinds in the list."),
        },
    )  # fmt: skip

    def __init__(self, *args: Any, words: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found = identifiers.search_mcc(words) if words else []
        offered = dict(self.found or identifiers.COMMON_MCCS.items())
        for chosen in (self.initial.get("mcc"), self.data.get(self.add_prefix("mcc"))):
            if chosen:
                try:
                    offered.setdefault(chosen, identifiers.mcc_name(chosen))
                except identifiers.InvalidIdentifier:
                    continue  # not offered, so the form refuses it
        self.fields["mcc"].choices = [  # type: ignore[attr-defined]
            (code, _(name)) for code, name in offered.items()
        ]


class ShopFields(forms.Form):
    """Name and address of a shop in a country."""

    location_name = PrintedText(
        label=gettext_lazy("Name of the shop"),
        max_length=80,
        help_text=gettext_lazy("As payers know it. It is printed on the sticker."),
        error_messages={"required": gettext_lazy("Write the name that payers know.")},
    )
    street = PlainText(
        label=gettext_lazy("Street and number"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "address-line1"}),
        error_messages={"required": gettext_lazy("Write the street and number of the shop.")},
    )
    postcode = PlainText(
        label=gettext_lazy("Postcode"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
        error_messages={"required": gettext_lazy("Write the postcode of the shop.")},
    )
    city = PrintedText(
        label=gettext_lazy("City"), max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "address-level2"}),
        error_messages={"required": gettext_lazy("Write the city of the shop.")},
    )  # fmt: skip

    def country(self) -> str:
        raise NotImplementedError

    def clean_postcode(self) -> str:
        return checked(
            lambda: identifiers.check_postcode(self.country(), self.cleaned_data["postcode"])
        )


class ShopForm(ShopFields, StepForm):
    """The first shop, in the country of the business."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["postcode"].help_text = _("Such as %(example)s.") % {
            "example": identifiers.postcode_example(self.country())
        }

    def country(self) -> str:
        return self.application.country


class AnotherShopForm(ShopFields):
    """One more shop of a merchant, anywhere in the alliance."""

    where = forms.ChoiceField(label=gettext_lazy("Country"))
    field_order = ("location_name", "where", "street", "postcode", "city")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = sorted((_(name), code) for code, (name, _money, _zone) in COUNTRIES.items())
        self.fields["where"].choices = [  # type: ignore[attr-defined]
            (code, name) for name, code in names
        ]

    def country(self) -> str:
        return str(self.cleaned_data.get("where") or "NO")


class TillForm(forms.Form):
    """The name of the till that one more sticker is for."""

    till = PrintedText(
        label=gettext_lazy("Another sticker, for the till"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("A name such as Bar or Till 2; it is printed on the sticker."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False


FORMS: dict[str, type[StepForm]] = {
    "country": CountryForm,
    "business": BusinessForm,
    "bank": BankForm,
    "sells": SellsForm,
    "shop": ShopForm,
}
