"""Pages for finance, and the money pages of retailers."""

from django.urls import path

from payments.views import finance, shop

app_name = "payments"
urlpatterns = [
    path("finance/", finance.nights, name="nights"),
    path("finance/files/<int:file_id>/", finance.night_file, name="night_file"),
    path("finance/files/<int:file_id>/csv", finance.csv, name="csv"),
    path("finance/breaks/<int:break_id>/", finance.break_, name="break"),
    path("shop/<str:code>/today", shop.today, name="today"),
    path("money/", shop.money, name="money"),
]
