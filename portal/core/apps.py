from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class CoreConfig(AppConfig):
    name = "portal.core"
    label = "core"
    verbose_name = "Ground"

    def ready(self) -> None:
        from portal.core import checks  # noqa: F401  (registers the system checks)


class OnestileAdminConfig(AdminConfig):
    default_site = "portal.core.site.OnestileAdminSite"
