"""Pages for finance and partners, and the money pages of retailers."""

from django.urls import path

from payments.views import check, finance, shop

app_name = "payments"
urlpatterns = [
    path("finance/", finance.nights, name="nights"),
    path("finance/files/<int:file_id>/", finance.night_file, name="night_file"),
    path("finance/files/<int:file_id>/csv", finance.csv, name="csv"),
    path("finance/breaks/<int:break_id>/", finance.break_, name="break"),
    path("check/", check.check, name="check"),
    path("check/verdict.json", check.check_json, name="check_json"),
    path("check/files/<int:file_id>/", check.file, name="file"),
    path("check/files/<int:file_id>/corrected", check.corrected, name="corrected"),
    path("check/files/<int:file_id>/again", check.read_again, name="read_again"),
    path("check/files/<int:file_id>/bytes", check.file_bytes, name="file_bytes"),
    path("check/deliveries/<int:delivery_id>/bytes", check.delivery_bytes, name="delivery_bytes"),
    path("shop/<str:code>/today", shop.today, name="today"),
    path("money/", shop.money, name="money"),
]
