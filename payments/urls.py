"""Pages for finance, and the money pages of retailers."""

from django.urls import URLPattern

app_name = "payments"
urlpatterns: list[URLPattern] = []
