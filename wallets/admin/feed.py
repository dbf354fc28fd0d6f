"""The form of a feed: where files lie, when they are whole, what they are wrapped in.

For superusers. A wallet's admins see what was agreed, never the place, the keys or the secrets;
and what is secret is shown to nobody: it can be typed anew or taken away.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import formats as local
from django.utils.timezone import localtime
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from wallets import openpgp, places
from wallets.formats import LAYOUTS
from wallets.models import Feed, Mapping, Sighting

SECRETS = ("password", "ssh_key", "pgp_key")
_USUAL = Feed()
LEFT_OUT_MEANS_USUAL = ("entry_pattern", "ready_when", "quiet_seconds", "marker_suffix", "after")
AGREED = (
    "code", "format", "pattern", "schedule", "holidays", "expected_by", "minimum_minor",
    "minimum_by_currency", "empty_file", "options", "active",
)  # fmt: skip


class NeverShown(forms.Textarea):
    """A field for a private key: like a password it is never written back into a page."""

    def format_value(self, value: Any) -> None:
        return None


class FeedForm(forms.ModelForm):
    """A feed. Secrets go in and never come out; an empty one means: as it was."""

    format = forms.ChoiceField(
        label=Feed._meta.get_field("format").verbose_name,
        choices=lambda: [(name, name) for name in sorted(LAYOUTS)],
    )
    new_password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    no_password = forms.BooleanField(label=_("Forget the password"), required=False)
    new_ssh_key = forms.CharField(
        label=_("Our SSH key"), required=False, widget=NeverShown(attrs={"rows": 3})
    )
    no_ssh_key = forms.BooleanField(label=_("Forget our SSH key"), required=False)
    new_pgp_key = forms.CharField(
        label=_("Our OpenPGP key"), required=False, widget=NeverShown(attrs={"rows": 3})
    )
    no_pgp_key = forms.BooleanField(label=_("Forget our OpenPGP key"), required=False)

    class Meta:
        model = Feed
        fields = (
            *AGREED, "mapping", "place", "host_key", "ready_when", "quiet_seconds",
            "marker_suffix", "after", "move_to", "must_be_encrypted", "must_be_signed",
            "partner_key", "entry_pattern",
        )  # fmt: skip
        help_texts = {
            "pattern": _(
                "Such as settlement*.csv; * stands for any letters. Each slash goes one folder "
                "down from the place, four at most: */settlement*.csv looks into every folder "
                "there, for partners that make one each day, and */*/*.xml two deep. Such a "
                "file is called with its folders: 20261015/settlement.csv."
            ),
        }
        widgets = {
            "host_key": forms.Textarea(attrs={"rows": 2}),
            "partner_key": forms.Textarea(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wanted = {
            "password": _now("For an SFTP server; for a bucket the secret of its key."),
            "ssh_key": _now("Private, in OpenSSH form, without a passphrase."),
            "pgp_key": _now(
                "Private, armored, without a passphrase; several while one takes over from another."
            ),
        }
        for name in SECRETS:
            if f"new_{name}" not in self.fields:
                continue
            state = (
                _now("Set. Type a new one to change it; it is never shown.")
                if getattr(self.instance, name)
                else _now("Not set.")
            )
            self.fields[f"new_{name}"].help_text = f"{state} {wanted[name]}"
        for name in LEFT_OUT_MEANS_USUAL:
            if name in self.fields:
                self.fields[name].required = False
        mapping: Any = self.fields.get("mapping")
        if mapping is not None:
            # A draft was not proved on a sample; it is switched on on its own page.
            mapping.queryset = Mapping.objects.filter(
                wallet=self.instance.wallet_id, state=Mapping.State.ON
            )

    # --- each by itself

    def clean_place(self) -> str:
        place = self.cleaned_data["place"].strip()
        if place:
            _checked(places.parse, place)
            if "://" not in place and not place.startswith("/"):
                raise ValidationError(
                    _now("A folder is written from the root on, such as /srv/feeds/vipps.")
                )
        return place

    def clean_pattern(self) -> str:
        pattern = self.cleaned_data["pattern"].strip()
        parts = pattern.split("/")
        if len(parts) - 1 > places.MOST_LEVELS:
            raise ValidationError(
                _now("These go %(levels)s folders down; more than %(most)s are not gone into.")
                % {"levels": len(parts) - 1, "most": places.MOST_LEVELS}
            )
        if any(not part or part.startswith(".") for part in parts):
            raise ValidationError(
                _now(
                    "Write names with a slash between folders, such as */settlement*.csv. None "
                    "is empty or begins with a dot."
                )
            )
        return pattern

    def clean_host_key(self) -> str:
        _checked(places.host_keys, self.cleaned_data["host_key"])
        return self.cleaned_data["host_key"].strip()

    def clean_partner_key(self) -> str:
        text = self.cleaned_data["partner_key"].strip()
        if text:
            _checked(openpgp.public_keys, text)
        return text

    def clean_new_ssh_key(self) -> str:
        text = self.cleaned_data["new_ssh_key"].strip()
        if text:
            _checked(places.private_key, text)
        return text

    def clean_new_pgp_key(self) -> str:
        text = self.cleaned_data["new_pgp_key"].strip()
        if text:
            _checked(openpgp.private_keys, text)
        return text

    # --- what belongs together

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or self.cleaned_data
        for name in SECRETS:
            if told.get(f"new_{name}") and told.get(f"no_{name}"):
                self.add_error(f"new_{name}", _now("Either a new one, or none."))
        can_sign_in = self._will_have("password") or self._will_have("ssh_key")
        if told.get("place", "").startswith("sftp://") and not can_sign_in:
            self.add_error("new_password", _now("Give a password or an SSH key to sign in."))
        if told.get("after") == Feed.After.MOVE:
            self._check_move(told.get("move_to", "").strip())
        if told.get("ready_when") == Feed.Ready.MARKER and not told.get("marker_suffix"):
            self.add_error("marker_suffix", _now("Say how a marker's name ends."))
        for name in LEFT_OUT_MEANS_USUAL:
            if name in self.fields and name not in self.errors and told.get(name) in ("", None):
                told[name] = getattr(_USUAL, name)
        if told.get("must_be_signed") and not told.get("partner_key"):
            self.add_error(
                "partner_key", _now("Without the partner's key no signature can be checked.")
            )
        if told.get("must_be_encrypted") and not self._will_have("pgp_key"):
            self.add_error("new_pgp_key", _now("Without our key nothing encrypted can be opened."))
        if told.get("format") == "mapped" and not told.get("mapping"):
            self.add_error("mapping", _now("Say which mapping it is read by."))
        return told

    def _will_have(self, name: str) -> bool:
        if self.cleaned_data.get(f"new_{name}") or f"new_{name}" in self.errors:
            return True
        return bool(getattr(self.instance, name)) and not self.cleaned_data.get(f"no_{name}")

    def _check_move(self, folder: str) -> None:
        if not folder:
            self.add_error("move_to", _now("Say where taken files are moved to."))
        elif posixpath.normpath(posixpath.join("/x", folder)) == "/x":
            self.add_error("move_to", _now("That is the folder they lie in."))

    def save(self, commit: bool = True) -> Any:
        for name in SECRETS:
            if new := self.cleaned_data.get(f"new_{name}"):
                setattr(self.instance, name, new)
            elif self.cleaned_data.get(f"no_{name}"):
                setattr(self.instance, name, "")
        feed = super().save(commit)
        if "place" in self.changed_data and feed.pk:
            # What was seen there was seen at another place.
            Sighting.objects.filter(feed=feed).delete()
        return feed


def _checked(read: Callable[[str], Any], text: str) -> None:
    try:
        read(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _when(instant: datetime) -> str:
    return f"{local.date_format(localtime(instant), 'Y-m-d H:i')} UTC"


class FeedInline(admin.StackedInline):
    """The feed of a wallet, on the wallet's page."""

    model = Feed
    form = FeedForm
    extra = 0
    max_num = 1
    can_delete = False
    readonly_fields = ("state", "host_fingerprints", "partner_fingerprints")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if not request.user.is_superuser:
            # Where files lie and what they are locked with is nothing to the wallet.
            return [(None, {"fields": AGREED})]
        return [
            (None, {"fields": ("code", "active", "state")}),
            (
                _("Where files lie"),
                {
                    "fields": (
                        "place", "host_key", "host_fingerprints", "new_password", "no_password",
                        "new_ssh_key", "no_ssh_key",
                    )
                },
            ),
            (
                _("Which files, and when they are whole"),
                {
                    "fields": (
                        "pattern", "ready_when", "quiet_seconds", "marker_suffix", "after",
                        "move_to",
                    )
                },
            ),
            (
                _("What they are wrapped in"),
                {
                    "fields": (
                        "entry_pattern", "must_be_encrypted", "new_pgp_key", "no_pgp_key",
                        "must_be_signed", "partner_key", "partner_fingerprints",
                    )
                },
            ),
            (_("What is in them"), {"fields": ("format", "mapping", "options")}),
            (
                _("When they are due"),
                {
                    "fields": (
                        "schedule", "holidays", "expected_by", "minimum_minor",
                        "minimum_by_currency", "empty_file",
                    )
                },
            ),
        ]  # fmt: skip

    @admin.display(description=_("state"))
    def state(self, feed: Feed) -> str:
        if feed.failing_since is not None:
            return _now("Fails since %(when)s: %(why)s") % {
                "when": _when(feed.failing_since), "why": feed.failure,
            }  # fmt: skip
        if feed.looked_at is None:
            return _now("Nobody has looked there yet.")
        return _now("Works; last looked at %(when)s.") % {"when": _when(feed.looked_at)}

    @admin.display(description=_("fingerprint of the host key"))
    def host_fingerprints(self, feed: Feed) -> str:
        try:
            keys = places.host_keys(feed.host_key)
        except places.BadHostKey as error:
            return str(error)
        return ", ".join(places.fingerprint(key) for key in keys) or "–"

    @admin.display(description=_("fingerprint of the partner's key"))
    def partner_fingerprints(self, feed: Feed) -> str:
        if not feed.partner_key:
            return "–"
        try:
            keys = openpgp.public_keys(feed.partner_key)
        except openpgp.BadKey as error:
            return str(error)
        return "\n".join(
            " ".join(
                filter(
                    None,
                    (
                        key.fingerprint, *key.names,
                        _now("until %(day)s") % {"day": key.expires} if key.expires else "",
                    ),
                )
            )
            for key in keys
        )  # fmt: skip
