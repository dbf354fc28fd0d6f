"""The API that wallets call."""

from django.urls import URLPattern

app_name = "api"
urlpatterns: list[URLPattern] = []
