"""The API that wallets call."""

from django.urls import path, re_path

from payments.api import views

app_name = "api"
urlpatterns = [
    path("codes/<str:code>", views.code, name="code"),
    path("payments", views.payments, name="payments"),
    path("payments/<str:ref>", views.payment, name="payment"),
    path("payments/<str:ref>/refunds", views.refunds, name="refunds"),
    re_path("", views.nothing),
]
