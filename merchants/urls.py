"""Pages for retailers and payers."""

from django.urls import path

from merchants.views import apply, scan, shop

app_name = "merchants"
urlpatterns = [
    path("apply/", apply.apply, name="apply"),
    path("apply/<str:ref>/", apply.application, name="application"),
    path("apply/<str:ref>/check/", apply.check, name="check"),
    path("apply/<str:ref>/again/", apply.again, name="again"),
    path("apply/<str:ref>/<slug:slug>/", apply.step, name="step"),
    path("shop/", shop.home, name="home"),
    path("merchants/<str:ref>/add-shop/", shop.add_shop, name="add_shop"),
    path("merchants/<str:ref>/stickers.pdf", shop.sheet, name="sheet"),
    path("shop/<str:code>/", shop.location, name="location"),
    path("stickers/<str:code>/", shop.sticker, name="sticker"),
    path("stickers/<str:code>/picture.svg", shop.picture, name="picture"),
    path("stickers/<str:code>/download/", shop.download, name="download"),
    path("stickers/<str:code>/replace/", shop.replace, name="replace"),
    path("stickers/<str:code>/revoke/", shop.revoke, name="revoke"),
    path("q/", scan.typed, name="typed"),
    path("q/<str:code>", scan.scan, name="scan"),
]
