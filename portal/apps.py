from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Onestile"

    def ready(self) -> None:
        from django.conf import settings

        from portal import celery  # noqa: F401  (the tasks find their app)

        if settings.DEMO:
            from portal.demo import work  # noqa: F401  (workers find the demo's jobs)
