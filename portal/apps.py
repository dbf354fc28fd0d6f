from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Onestile"

    def ready(self) -> None:
        from portal import celery  # noqa: F401  (the tasks find their app)
