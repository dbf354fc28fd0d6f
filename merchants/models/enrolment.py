"""A location known at a wallet under that wallet's store reference."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from merchants.models.location import Location
from wallets.models import Wallet


class Enrolment(models.Model):
    class State(models.TextChoices):
        NOT_SENT = "not_sent", _("not sent yet")
        PENDING = "pending", _("waiting for the wallet")
        APPROVED = "approved", _("accepted here")
        REJECTED = "rejected", _("rejected")
        SUSPENDED = "suspended", _("suspended")

    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="enrolments")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="enrolments")
    store_ref = models.CharField(_("store reference at the wallet"), max_length=40)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.NOT_SENT)
    reason = models.CharField(_("reason"), max_length=254, blank=True)
    changed_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [
            models.UniqueConstraint(
                fields=["location", "wallet"], name="location_enrolled_once_per_wallet"
            ),
            models.UniqueConstraint(
                fields=["wallet", "store_ref"], name="store_reference_unique_at_its_wallet"
            ),
            models.CheckConstraint(
                condition=~Q(state="rejected") | ~Q(reason=""),
                name="rejected_enrolment_states_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.store_ref} ({self.get_state_display()})"
