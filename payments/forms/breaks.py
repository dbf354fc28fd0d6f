"""The form that ends a break."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class EndBreakForm(forms.Form):
    """How a break was solved, in the words of whoever solved it."""

    note = forms.CharField(
        label=_("How it was solved"),
        help_text=_("One sentence is enough. It stays with the break for good."),
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Say in a few words how it was solved.")},
    )
