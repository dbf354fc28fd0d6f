"""Wallets in the back office: each to its own admins; API keys by buttons.

A superuser writes down a new wallet, what it covers, charges and sends; whoever looks
after a wallet sees these as agreed, and manages its API keys.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.core import audit
from portal.core.admin import ScopedAdmin, UserAdmin
from portal.core.models import User
from wallets import access, credentials
from wallets.formats import LAYOUTS
from wallets.models import Credential, Feed, Tariff, Wallet, WalletCountry, WalletMembership


class AgreedInline(admin.TabularInline):
    """Rows of a wallet: its admins see them, a superuser writes them."""

    template = "admin/edit_inline/tabular_region.html"
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_delete and request.user.is_superuser


class CountryInline(AgreedInline):
    model = WalletCountry
    fk_name = "wallet"
    ordering = ("country", "currency")
    can_delete = True

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # By name: the settling hub's page is another wallet's.
        by = "settled_by" if request.user.is_superuser else "settled_by_name"
        return ("country", "currency", by)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if request.user.is_superuser else self.get_fields(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WalletCountry]:
        return super().get_queryset(request).select_related("settled_by")

    @admin.display(description=WalletCountry._meta.get_field("settled_by").verbose_name)
    def settled_by_name(self, covered: WalletCountry) -> str:
        return covered.settled_by.name


class TariffInline(AgreedInline):
    model = Tariff
    fields = (
        "kind", "currency", "valid_from", "valid_to", "bps", "fixed_minor", "netted",
        "returned_on_refund", "vat_bps",
    )  # fmt: skip
    ordering = ("kind", "currency", "-valid_from")


class FeedForm(forms.ModelForm):
    format = forms.ChoiceField(
        label=Feed._meta.get_field("format").verbose_name,
        choices=lambda: [(name, name) for name in sorted(LAYOUTS)],
    )

    class Meta:
        model = Feed
        fields = (
            "code", "format", "place", "pattern", "schedule", "expected_by", "minimum_minor",
            "empty_file", "options", "active",
        )  # fmt: skip


class FeedInline(admin.StackedInline):
    model = Feed
    form = FeedForm
    extra = 0
    max_num = 1
    can_delete = False
    has_view_permission = AgreedInline.has_view_permission
    has_add_permission = AgreedInline.has_add_permission
    has_change_permission = AgreedInline.has_change_permission

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Where files lie on our disks is nothing to the wallet.
        fields = FeedForm.Meta.fields
        return fields if request.user.is_superuser else [f for f in fields if f != "place"]


class MembershipInline(AgreedInline):
    model = WalletMembership
    raw_id_fields = ("user",)
    can_delete = True

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user",) if request.user.is_superuser else ("email",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if request.user.is_superuser else ("email",)

    @admin.display(description=User._meta.get_field("email").verbose_name)
    def email(self, membership: WalletMembership) -> str:
        return membership.user.email


class OfPersonInline(admin.TabularInline):
    """The wallets a person looks after, on that person's own page; for superusers alone."""

    model = WalletMembership
    template = "admin/edit_inline/tabular_region.html"
    extra = 0
    fields = ("wallet",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    has_add_permission = has_view_permission
    has_change_permission = has_view_permission
    has_delete_permission = has_view_permission


UserAdmin.inlines.append(OfPersonInline)


class LabelForm(forms.Form):
    """What a new key is called, so that its owner knows it again."""

    label = forms.CharField(
        label=Credential._meta.get_field("label").verbose_name, max_length=80, required=False
    )


def _person(request: HttpRequest) -> User:
    """Return who is signed in; the back office lets nobody else in."""
    assert isinstance(request.user, User)  # noqa: S101  (tells the type checker)
    return request.user


@admin.register(Wallet)
class WalletAdmin(ScopedAdmin):
    list_display = ("name", "code", "issues", "acquires", "is_hub", "home_country", "active")
    ordering = ("name",)
    fields = (
        "code", "name", "issues", "acquires", "is_hub", "home_country", "timezone",
        "day_cutoff", "settlement_currency", "active",
    )  # fmt: skip
    inlines = (CountryInline, TariffInline, FeedInline, MembershipInline)
    change_form_template = "admin/wallets/wallet/change_form.html"

    def rows(self, request: HttpRequest) -> QuerySet[Wallet]:
        return access.wallets_of(request.user)

    def is_open_to(self, request: HttpRequest) -> bool:
        return self.rows(request).exists() or request.user.is_superuser

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Folder names, file names and stored references carry the code for good.
        return ("code",) if obj else ()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        changes = self.construct_change_message(request, form, formsets, not change)
        audit.record(
            "wallets.wallet.changed" if change else "wallets.wallet.added", form.instance,
            by=_person(request), changes=changes,
        )  # fmt: skip

    # --- API keys

    def get_urls(self) -> list[URLPattern]:
        def button(act: Any) -> Any:
            return self.admin_site.admin_view(require_POST(act))

        own = [
            path("<int:wallet_id>/keys/issue/", button(self.issue), name="wallets_key_issue"),
            path(
                "<int:wallet_id>/keys/<int:key_id>/rotate/", button(self.rotate),
                name="wallets_key_rotate",
            ),
            path(
                "<int:wallet_id>/keys/<int:key_id>/revoke/", button(self.revoke),
                name="wallets_key_revoke",
            ),
        ]  # fmt: skip
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self._row_or_404(request, object_id)
        wallet = self._wallet(request, object_id)
        keys = wallet.credentials.order_by("-pk")
        context = {
            **(extra_context or {}), "wallet": wallet, "label_form": LabelForm(),
            "now": timezone.now(), "keys": keys,
        }  # fmt: skip
        return super().change_view(request, object_id, form_url, context)

    def issue(self, request: HttpRequest, wallet_id: int) -> HttpResponse:
        wallet = self._wallet(request, wallet_id)
        form = LabelForm(request.POST)
        if not form.is_valid():
            messages.error(request, _("A label has at most 80 characters."))
            return self._back(wallet)
        issued = credentials.issue(
            wallet=wallet, label=form.cleaned_data["label"], by=_person(request),
            now=timezone.now(),
        )  # fmt: skip
        return self._show_once(request, wallet, issued)

    def rotate(self, request: HttpRequest, wallet_id: int, key_id: int) -> HttpResponse:
        wallet = self._wallet(request, wallet_id)
        try:
            issued = credentials.rotate(
                self._key(wallet, key_id),
                by=_person(request),
                now=timezone.now(),
            )
        except credentials.AlreadyRevoked:
            messages.error(request, _("This key was rotated or revoked before."))
            return self._back(wallet)
        return self._show_once(request, wallet, issued)

    def revoke(self, request: HttpRequest, wallet_id: int, key_id: int) -> HttpResponse:
        wallet = self._wallet(request, wallet_id)
        key = self._key(wallet, key_id)
        if request.POST.get("confirm") != "yes":
            context = {
                **self.admin_site.each_context(request), "opts": self.opts, "wallet": wallet,
                "key": key, "title": _("End this API key?"),
            }  # fmt: skip
            return TemplateResponse(request, "admin/wallets/wallet/revoke_key.html", context)
        try:
            credentials.revoke(key, by=_person(request), now=timezone.now())
        except credentials.AlreadyRevoked:
            messages.error(request, _("This key was revoked before."))
        else:
            messages.success(request, _("The key %(key)s… ended.") % {"key": key.prefix})
        return self._back(wallet)

    def _wallet(self, request: HttpRequest, wallet_id: int | str) -> Wallet:
        wallet = self.get_object(request, str(wallet_id))
        if wallet is None:
            raise Http404(_("There is no such page."))
        return wallet

    def _key(self, wallet: Wallet, key_id: int) -> Credential:
        key = wallet.credentials.select_related("wallet").filter(pk=key_id).first()
        if key is None:
            raise Http404(_("There is no such page."))
        return key

    def _back(self, wallet: Wallet) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:wallets_wallet_change", args=[wallet.pk]))

    def _show_once(
        self, request: HttpRequest, wallet: Wallet, issued: credentials.Issued
    ) -> HttpResponse:
        """Answer the post itself with the key: a redirect would have to keep it somewhere."""
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "wallet": wallet,
            "issued": issued, "title": _("Your new API key"),
        }  # fmt: skip
        return TemplateResponse(request, "admin/wallets/wallet/new_key.html", context)
