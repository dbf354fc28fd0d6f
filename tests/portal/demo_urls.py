"""The site map as it is in the demo."""

from django.urls import include, path

from portal.urls import urlpatterns as without_demo

urlpatterns = [*without_demo, path("demo/", include("portal.demo.urls"))]
