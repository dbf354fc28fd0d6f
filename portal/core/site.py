"""The back office's site: stock Django admin with our name on it."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class OnestileAdminSite(AdminSite):
    site_header = _("Onestile back office")
    site_title = _("Onestile")
    index_title = _("What needs you")
    enable_nav_sidebar = False
