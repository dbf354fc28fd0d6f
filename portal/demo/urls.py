"""The demo's own pages; they exist only in the demo."""

from django.urls import path

from portal.demo import views

app_name = "demo"
urlpatterns = [
    path("", views.index, name="index"),
    path("sign-in/", views.sign_in, name="sign_in"),
    path("night/", views.close_night, name="night"),
    path("mails/", views.mails, name="mails"),
    path("mails/<int:mail_id>/", views.mail, name="mail"),
    path("pay/", views.choose, name="choose"),
    path("pay/<str:code>/", views.pay, name="pay"),
    path("paid/<str:ref>/", views.paid, name="paid"),
    path("paid/<str:ref>/refund/", views.refund, name="refund"),
]
