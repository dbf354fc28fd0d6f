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
from wallets import access, credentials, feeds, places, wrapping
from wallets.admin.feed import FeedInline
from wallets.models import Credential, Feed, Tariff, Wallet, WalletCountry, WalletMembership

SHOWN_OF_A_PLACE = 200


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


def _shown_by(feed: Feed) -> list[tuple[str, str]]:
    """Return the keys that a feed's server shows, where none of them is the feed's."""
    try:
        shown = places.show_host_keys(places.parse(feed.place))
        pinned = {places.fingerprint(key) for key in places.host_keys(feed.host_key)}
    except (places.BadAddress, places.BadHostKey, places.Unreachable):
        return []
    return [] if any(fingerprint in pinned for _line, fingerprint in shown) else shown


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
            path("<int:wallet_id>/feed/try/", button(self.try_feed), name="wallets_feed_try"),
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
            "now": timezone.now(), "keys": keys, "feed_to_try": self._feed(request, wallet),
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

    # --- the feed

    def _feed(self, request: HttpRequest, wallet: Wallet) -> Feed | None:
        """Return the feed whose place the person may try, if there is one."""
        if not request.user.is_superuser:
            return None
        return Feed.objects.filter(wallet=wallet).exclude(place="").first()

    def try_feed(self, request: HttpRequest, wallet_id: int) -> HttpResponse:
        """List what lies at the place of a feed, or say why it cannot be listed."""
        wallet = self._wallet(request, wallet_id)
        feed = self._feed(request, wallet)
        if feed is None:
            raise Http404(_("There is no such page."))
        listing: list[places.Found] = []
        failure, host_keys = "", []
        try:
            with places.open_place(feed) as place:
                listing = place.listing(feeds.walk(feed))
                failure = " ".join(place.closed)
        except places.Unreachable as error:
            failure = str(error)
            host_keys = _shown_by(feed)
        names = {found.name for found in listing}
        rows = [
            (
                feeds.shown(found.name, feeds.LONGEST_NAME), found.size,
                wrapping.is_wanted(found.name, feed.pattern)
                and not wrapping.is_signature_of(found.name, names),
            )
            for found in listing[-SHOWN_OF_A_PLACE:]
        ]  # fmt: skip
        audit.record(
            "wallets.feed.tried", feed, by=_person(request), files=len(listing), failure=failure
        )
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "wallet": wallet,
            "feed": feed, "failure": failure, "host_keys": host_keys, "rows": rows,
            "total": len(listing), "title": _("What lies there"),
        }  # fmt: skip
        return TemplateResponse(request, "admin/wallets/wallet/try_feed.html", context)

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
