"""The back office: stock Django admin with our name on it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from portal.core import audit
from portal.core.models import FINANCE, REVIEWERS, AuditEntry, User


class NewestPaginator(Paginator):
    """Pages over the newest rows only, so that no list ever counts a table of millions."""

    MOST = 1_000

    @cached_property
    def count(self) -> int:
        newest: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return newest.order_by()[: self.MOST].count()


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows to look at; they change only through the acts of the business."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ScopedAdmin(ReadOnlyAdmin):
    """Rows a person sees by what she looks after, without Django's model permissions.

    Everything else is as if it did not exist: its address answers 404, no list counts it,
    no filter or search finds it. Lists show the newest rows; a search reaches them all.
    """

    ordering = ("-pk",)
    sortable_by = ()
    paginator = NewestPaginator
    list_max_show_all = 0

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what the person may see; the only source of rows on every page."""
        raise NotImplementedError

    def is_open_to(self, request: HttpRequest) -> bool:
        """Tell whether the person has anything to do with this kind of rows."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.rows(request).order_by(*self.ordering)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and self.is_open_to(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not self.has_module_permission(request):
            return False
        return obj is None or self.rows(request).filter(pk=obj.pk).exists()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        # Stock admin lets a query string compare any column, shown or not.
        name, _mark, comparison = lookup.partition("__")
        plain = comparison in {"", "exact", "in", "gte", "gt", "lte", "lt"}
        return plain and name in {str(field) for field in self.list_filter}

    def _row_or_404(self, request: HttpRequest, object_id: str | None) -> None:
        if not self.has_module_permission(request):
            raise Http404(_now("There is no such page."))
        if object_id is not None and self.get_object(request, unquote(object_id)) is None:
            raise Http404(_now("There is no such page."))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        self._row_or_404(request, None)
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        self._row_or_404(request, object_id)
        if object_id is None and not self.has_add_permission(request):
            raise Http404(_now("There is no such page."))
        return super().changeform_view(request, object_id, form_url, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        self._row_or_404(request, object_id)
        return super().history_view(request, object_id, extra_context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        raise Http404(_now("There is no such page."))


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit trail, for superusers alone: it tells of everybody."""

    list_display = ("at", "actor_label", "verb", "target_label")
    search_fields = ("target_id__exact", "verb__exact")
    search_help_text = _("The id of a thing, or an act such as merchants.application.approved")
    ordering = ("-pk",)
    sortable_by = ()
    paginator = NewestPaginator

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)


class _RolesMixin(forms.ModelForm):
    """A person's address, in lower case, and desks by name instead of by group."""

    roles = forms.MultipleChoiceField(
        label=_("Desks"),
        choices=[
            (FINANCE, _("finance: sees the nights")),
            (REVIEWERS, _("reviewers: decide on applications")),
        ],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email=email).exclude(pk=self.instance.pk).exists():
            raise ValidationError(_now("Somebody has this e-mail address already."))
        return email


class NewUserForm(_RolesMixin, BaseUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name", "is_staff")


class UserForm(_RolesMixin, UserChangeForm):
    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_staff", "is_superuser")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["roles"] = list(self.instance.groups.values_list("name", flat=True))


@admin.register(User)
class UserAdmin(StockUserAdmin):
    """People, for superusers alone. Nobody is deleted: what they did stays theirs."""

    form = UserForm
    add_form = NewUserForm
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "joined_at")
    list_filter = ("is_staff", "is_superuser", "groups")
    search_fields = ("email", "name")
    ordering = ("-pk",)
    sortable_by = ()
    paginator = NewestPaginator
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None
    filter_horizontal = ()
    inlines: ClassVar[list[type[InlineModelAdmin]]] = []
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Roles"), {"fields": ("roles", "is_staff", "is_superuser", "is_active")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "password1", "password2")}),
        (_("Roles"), {"fields": ("roles", "is_staff")}),
    )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        roles = form.cleaned_data["roles"]
        form.instance.groups.set([Group.objects.get_or_create(name=name)[0] for name in roles])
        audit.record(
            "core.user.changed" if change else "core.user.added", form.instance,
            by=cast(User, request.user), roles=roles, is_staff=form.instance.is_staff,
            changes=self.construct_change_message(request, form, formsets, not change),
        )  # fmt: skip

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        # A password is set on a page of its own, which tells nobody but this log.
        if request.path.endswith("/password/"):
            audit.record("core.user.password_set", obj, by=cast(User, request.user))
        return super().log_change(request, obj, message)
