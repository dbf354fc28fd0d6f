"""The legal entity that is paid, and the people who act for it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from wallets.models import Wallet


class Merchant(models.Model):
    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        SUSPENDED = "suspended", _("suspended")
        CLOSED = "closed", _("closed")

    ref = models.CharField(_("merchant id"), max_length=32, unique=True)
    legal_name = models.CharField(_("legal name"), max_length=160)
    country = models.CharField(_("country"), max_length=2)
    legal_form = models.CharField(_("legal form"), max_length=40)
    company_number = models.CharField(_("company number"), max_length=40)
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True)
    iban = models.CharField(_("IBAN"), max_length=34)
    mcc = models.CharField(_("merchant category code"), max_length=4)
    acquirer = models.ForeignKey(
        Wallet, verbose_name=_("acquirer"), on_delete=models.PROTECT, related_name="merchants"
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")
        constraints = [
            models.UniqueConstraint(
                fields=["country", "company_number"],
                condition=~models.Q(state="closed"),
                name="one_open_merchant_per_company_number",
            )
        ]

    def __str__(self) -> str:
        return f"{self.legal_name} ({self.ref})"


class MerchantMembership(models.Model):
    class Role(models.TextChoices):
        OWNER = "owner", _("owner")
        MANAGER = "manager", _("manager")
        CASHIER = "cashier", _("cashier")

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="merchant_memberships"
    )
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.OWNER)

    class Meta:
        verbose_name = _("team member")
        verbose_name_plural = _("team members")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "user"], name="team_member_listed_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.merchant_id}"
