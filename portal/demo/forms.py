"""Forms of the demo's own pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from merchants import qr
from merchants.models import Sticker
from portal.core import money
from wallets.models import Wallet


class AmountField(forms.CharField):
    """An amount in a currency given later; becomes minor units."""

    def __init__(self, *, currency: str, **options: Any) -> None:
        self.currency = currency
        super().__init__(
            error_messages={
                "required": _("Write an amount in %(currency)s, such as %(example)s.")
                % {"currency": currency, "example": example(currency)}
            },
            widget=forms.TextInput(
                attrs={"inputmode": "decimal", "class": "input--short", "autocomplete": "off"}
            ),
            **options,
        )

    def clean(self, value: Any) -> int:
        text = super().clean(value).strip().replace(",", ".")
        try:
            minor = money.to_minor(text, self.currency, short=True)
        except money.NotAnAmount:
            minor = 0
        if not 0 < minor <= money.LARGEST_MINOR:
            raise forms.ValidationError(
                _("Write an amount in %(currency)s, such as %(example)s.")
                % {"currency": self.currency, "example": example(self.currency)}
            )
        return minor


def example(currency: str) -> str:
    return money.from_minor(24 * 10 ** money.exponent(currency), currency)


class PayForm(forms.Form):
    """What a payer chooses: the wallet in their hand, and how much."""

    wallet = forms.ChoiceField(
        label=_("Wallet"), widget=forms.RadioSelect,
        error_messages={"required": _("Choose the wallet that pays.")},
    )  # fmt: skip

    def __init__(self, *args: Any, wallets: list[Wallet], currency: str, **options: Any) -> None:
        super().__init__(*args, **options)
        choices = self.fields["wallet"]
        assert isinstance(choices, forms.ChoiceField)  # noqa: S101  (declared above)
        choices.choices = [(wallet.code, wallet.name) for wallet in wallets]
        self.fields["amount"] = AmountField(
            currency=currency,
            label=_("Amount in %(currency)s") % {"currency": currency},
            help_text=_("Such as %(example)s.") % {"example": example(currency)},
        )


class CodeForm(forms.Form):
    """The code under a sticker's symbol."""

    code = forms.CharField(
        label=_("Code on the sticker"),
        max_length=40,
        help_text=_("It stands beside the symbol, such as DEMO 7K3M 9QXA."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )

    def clean_code(self) -> str:
        code = qr.normalise(self.cleaned_data["code"])
        if not Sticker.objects.filter(code=code).exists():
            raise forms.ValidationError(_("No sticker has this code. Compare every character."))
        return code
