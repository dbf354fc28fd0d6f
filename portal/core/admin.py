"""The back office: stock Django admin with our name on it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.core.models import AuditEntry


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows to look at; they change only through the acts of the business."""

    list_per_page = 50
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor_label", "verb", "target_label")
    search_fields = ("=target_id", "verb__exact")
    search_help_text = _("The id of a thing, or an act such as merchants.application.approved")
