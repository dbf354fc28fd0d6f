"""The site map, on one screen."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from portal import views
from portal.core import health

urlpatterns = [
    path("", views.home, name="home"),
    path("accounts/", include("allauth.urls")),
    path("", include("merchants.urls")),
    path("", include("payments.urls")),
    path("api/v1/", include("payments.api.urls")),
    path("admin/", admin.site.urls),
    path("livez", health.livez),
    path("readyz", health.readyz),
]
if settings.DEMO:
    urlpatterns.append(path("demo/", include("portal.demo.urls")))
