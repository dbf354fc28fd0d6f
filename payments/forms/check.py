"""The forms that bring a file: one to be checked, one to replace a quarantined file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from wallets import formats
from wallets.models import Feed


class FeedField(forms.ModelChoiceField):
    """A feed, by its wallet's name and its layout's title."""

    def label_from_instance(self, feed: Any) -> str:
        title = formats.title(feed.format)
        return f"{feed.wallet.name}: {title}" if feed.active else f"{feed.wallet.name} ({title})"


class FileForm(forms.Form):
    """One uploaded file; ``most_bytes`` is told where a larger one was thrown away."""

    file = forms.FileField(
        label=_("The file"),
        max_length=254,
        error_messages={
            "required": _("Choose the file."),
            "empty": _("This file has no bytes. Export it again, and choose it here."),
            "max_length": _("The name of this file is too long. Give it a shorter one."),
        },
    )

    def __init__(self, *args: Any, most_bytes: int, was_too_large: bool = False, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = _now("Up to %(size)s.") % {
            "size": filesizeformat(most_bytes)
        }
        if was_too_large:
            self.fields["file"].error_messages["required"] = _now(
                "This file is larger than %(size)s. The portal’s operators can take a larger one "
                "by command: check_file and receive."
            ) % {"size": filesizeformat(most_bytes)}


def too_large_inside() -> str:
    """Return what to say of a small file that unpacks to a large one."""
    return _now(
        "What is packed in this file is too large for a page. The portal’s operators can take it "
        "by command: check_file and receive."
    )


class CheckForm(FileForm):
    """A file, and the feed it is for."""

    feed = FeedField(
        label=_("Which feed it is for"),
        queryset=Feed.objects.none(),
        to_field_name="code",
        empty_label=_("Choose a feed"),
        error_messages={"required": _("Choose the feed that the file is for.")},
    )
    field_order = ("feed", "file")

    def __init__(self, *args: Any, feeds: QuerySet[Feed], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["feed"]
        field.queryset = feeds  # type: ignore[attr-defined]
        if len(feeds) == 1:
            field.empty_label = None  # type: ignore[attr-defined]


class CorrectedForm(FileForm):
    """The file that is to replace a quarantined one."""

    anyway = forms.BooleanField(
        label=_("Send it anyway, although it would be quarantined again"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].label = _("The corrected file")
