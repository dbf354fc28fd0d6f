"""The back office of this floor: the review desk, and lists to look things up.

Reviewers see everything here. A wallet's admins see the shops enrolled at their own wallet:
name, address, kind of shop and state, nothing of who owns them or how they are paid. For
everyone else these pages do not exist.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from merchants import identifiers, onboarding
from merchants.models import Application, Enrolment, Location, Merchant, Sticker
from merchants.refusals import Refused
from portal.core import clock
from portal.core.admin import NewestPaginator, ReadOnlyAdmin
from portal.core.models import User
from wallets.models import COUNTRIES


def is_reviewer(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.is_active and user.is_staff and user.is_reviewer


class ReviewDesk(ReadOnlyAdmin):
    """Rows for reviewers; to anyone else the pages are not there."""

    change_form_template = "merchants/admin/row.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_reviewer(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise Http404
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if object_id is None or not self.has_view_permission(request):
            raise Http404
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        return found

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404  # the audit trail has the history


def _row(model: type[Model], primary_key: Any, label: str) -> str:
    url = reverse(
        f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[primary_key]
    )
    return format_html('<a href="{}">{}</a>', url, label)


class CountryFilter(admin.SimpleListFilter):
    """The countries of the alliance, without asking every row for its own."""

    title = gettext_lazy("country")
    parameter_name = "country"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, str(name)) for code, (name, _currency, _zone) in COUNTRIES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(country=self.value()) if self.value() else queryset


@admin.register(Application)
class ApplicationAdmin(ReviewDesk):
    """The queue: what waits comes first, the oldest first."""

    change_form_template = "merchants/admin/application.html"
    list_display = ("ref", "legal_name", "country", "state", "submitted_at", "decided_by")
    list_filter = ("state", CountryFilter)
    list_select_related = ("decided_by",)
    search_fields = ("ref", "legal_name", "=company_number", "=applicant__email")
    search_help_text = gettext_lazy("Reference, legal name, company number or e-mail address")
    ordering = ("-state", "submitted_at")
    fieldsets = (
        (None, {"fields": ("ref", "state", "applicant", "submitted_at")}),
        (
            gettext_lazy("Business"),
            {"fields": ("country", "legal_form_name", "legal_name", "company_number", "vat",
                        "known_already")},
        ),
        (gettext_lazy("Bank account"), {"fields": ("account",)}),
        (
            gettext_lazy("First shop"),
            {"fields": ("trade", "location_name", "street", "postcode", "city")},
        ),
        (
            gettext_lazy("Decision"),
            {"fields": ("decided_at", "decided_by", "decision_reason", "became")},
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Application]:
        """Drafts belong to their applicants alone."""
        return super().get_queryset(request).exclude(state=Application.State.DRAFT)

    @admin.display(description=gettext_lazy("legal form"))
    def legal_form_name(self, application: Application) -> str:
        return onboarding.answer_in_words(application, "legal_form")

    @admin.display(description=gettext_lazy("VAT number"))
    def vat(self, application: Application) -> str:
        return onboarding.answer_in_words(application, "vat_number")

    @admin.display(description=gettext_lazy("IBAN"))
    def account(self, application: Application) -> str:
        return onboarding.answer_in_words(application, "iban")

    @admin.display(description=gettext_lazy("what it sells"))
    def trade(self, application: Application) -> str:
        return onboarding.answer_in_words(application, "mcc")

    @admin.display(description=gettext_lazy("known already"))
    def known_already(self, application: Application) -> str:
        namesakes = Merchant.objects.filter(
            country=application.country, company_number=application.company_number
        )
        if application.merchant is not None:
            namesakes = namesakes.exclude(pk=application.merchant.pk)
        known = namesakes.first()
        return _row(Merchant, known.pk, str(known)) if known else _("no")

    @admin.display(description=gettext_lazy("merchant"))
    def became(self, application: Application) -> str:
        if application.merchant is None:
            return "–"
        return _row(Merchant, application.merchant.pk, str(application.merchant))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<int:object_id>/approve/", self.admin_site.admin_view(require_POST(self.approve)),
                name="merchants_application_approve",
            ),
            path(
                "<int:object_id>/reject/", self.admin_site.admin_view(require_POST(self.reject)),
                name="merchants_application_reject",
            ),
        ]  # fmt: skip
        return own + super().get_urls()

    def _asked(self, request: HttpRequest, object_id: int) -> Application:
        if not is_reviewer(request):
            raise Http404
        return cast(Application, self.get_object(request, str(object_id)))

    def _back(self, application: Application) -> HttpResponseRedirect:
        return HttpResponseRedirect(
            reverse("admin:merchants_application_change", args=[application.pk])
        )

    def approve(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Approve an application; the buttons of its page lead here."""
        application = self._asked(request, object_id)
        try:
            merchant = onboarding.approve(application, by=cast(User, request.user), now=clock.now())
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("%(merchant)s is a merchant now.") % {"merchant": merchant})
        return self._back(application)

    def reject(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Reject an application with the reason the applicant will read."""
        application = self._asked(request, object_id)
        reason = request.POST.get("reason", "")[:2_000]
        try:
            onboarding.reject(
                application, by=cast(User, request.user), reason=reason, now=clock.now()
            )
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("%(ref)s is rejected.") % {"ref": application.ref})
        return self._back(application)


class LongList(ReviewDesk):
    """A list of hundred thousands: the newest are paged, a search reaches them all."""

    paginator = NewestPaginator


@admin.register(Merchant)
class MerchantAdmin(LongList):
    list_display = ("ref", "legal_name", "country", "company_number", "acquirer", "state")
    list_filter = ("state", CountryFilter, "acquirer")
    list_select_related = ("acquirer",)
    search_fields = ("=ref", "legal_name", "=company_number")
    ordering = ("-pk",)
    fields = (
        "ref", "legal_name", "country", "legal_form_name", "company_number", "vat_number", "iban",
        "trade", "acquirer", "state", "created_at",
    )  # fmt: skip

    @admin.display(description=gettext_lazy("legal form"))
    def legal_form_name(self, merchant: Merchant) -> str:
        known = identifiers.legal_forms(merchant.country)
        return _(known.get(merchant.legal_form, merchant.legal_form))

    @admin.display(description=gettext_lazy("what it sells"))
    def trade(self, merchant: Merchant) -> str:
        return _trade(merchant.mcc)


def _trade(mcc: str) -> str:
    try:
        return f"{_(identifiers.mcc_name(mcc))} ({mcc})"
    except identifiers.InvalidIdentifier:
        return mcc


@admin.register(Location)
class LocationAdmin(LongList):
    list_display = ("code", "name", "city", "country", "merchant", "state")
    list_filter = ("state", CountryFilter)
    list_select_related = ("merchant",)
    search_fields = ("=code", "name", "city", "=merchant__ref")
    ordering = ("-pk",)


@admin.register(Sticker)
class StickerAdmin(LongList):
    list_display = ("code", "location", "till", "state", "issued_at", "printed_at")
    list_filter = ("state",)
    list_select_related = ("location",)
    search_fields = ("=code", "=location__code", "location__name")
    ordering = ("-pk",)


@admin.register(Enrolment)
class EnrolmentAdmin(LongList):
    """Shops as wallets know them; a wallet's admins see those of their own wallet."""

    list_display = ("store_ref", "wallet", "shop", "city", "country", "trade", "state")
    list_filter = ("state", "wallet")
    list_select_related = ("location", "wallet")
    search_fields = ("=store_ref", "location__name", "location__city")
    ordering = ("-pk",)
    fields = (
        "wallet", "store_ref", "state", "reason", "changed_at", "shop", "street", "postcode",
        "city", "country", "trade", "shop_state",
    )  # fmt: skip

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user = request.user
        if not isinstance(user, User) or not (user.is_active and user.is_staff):
            return False
        if user.is_reviewer:
            return True
        mine = user.wallet_memberships.all()
        if obj is not None:
            mine = mine.filter(wallet_id=obj.wallet_id)
        return mine.exists()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enrolment]:
        rows = super().get_queryset(request).select_related("location", "wallet")
        if is_reviewer(request):
            return rows
        mine = list(cast(User, request.user).wallet_memberships.values_list("wallet_id", flat=True))
        # Of one wallet by equality, so that its newest are read from the end of an index
        # instead of sorting all it has.
        return rows.filter(wallet_id=mine[0]) if len(mine) == 1 else rows.filter(wallet_id__in=mine)

    def get_list_filter(self, request: HttpRequest) -> tuple[str, ...]:
        """A filter by wallet would tell a wallet's admins of the others."""
        return ("state", "wallet") if is_reviewer(request) else ("state",)

    @admin.display(description=gettext_lazy("shop"), ordering="location__name")
    def shop(self, enrolment: Enrolment) -> str:
        return enrolment.location.name

    @admin.display(description=gettext_lazy("street and number"))
    def street(self, enrolment: Enrolment) -> str:
        return enrolment.location.street

    @admin.display(description=gettext_lazy("postcode"))
    def postcode(self, enrolment: Enrolment) -> str:
        return enrolment.location.postcode

    @admin.display(description=gettext_lazy("city"))
    def city(self, enrolment: Enrolment) -> str:
        return enrolment.location.city

    @admin.display(description=gettext_lazy("country"))
    def country(self, enrolment: Enrolment) -> str:
        return enrolment.location.country

    @admin.display(description=gettext_lazy("what it sells"))
    def trade(self, enrolment: Enrolment) -> str:
        return _trade(enrolment.location.mcc)

    @admin.display(description=gettext_lazy("state of the shop"))
    def shop_state(self, enrolment: Enrolment) -> str:
        return enrolment.location.get_state_display()
