"""An address where goods change hands."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from merchants.models.merchant import Merchant


class Location(models.Model):
    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        ACCEPTING = "accepting", _("accepting payments")
        SUSPENDED = "suspended", _("suspended: no new payments, refunds still work")
        CLOSED = "closed", _("closed")

    code = models.CharField(_("location code"), max_length=32, unique=True)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="locations")
    name = models.CharField(_("name"), max_length=80)
    street = models.CharField(_("street and number"), max_length=120)
    postcode = models.CharField(_("postcode"), max_length=12)
    city = models.CharField(_("city"), max_length=80)
    country = models.CharField(_("country"), max_length=2)
    currency = models.CharField(_("currency"), max_length=3)
    mcc = models.CharField(_("merchant category code"), max_length=4)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PLANNED)
    created_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")

    def __str__(self) -> str:
        return f"{self.name}, {self.city} ({self.code})"
