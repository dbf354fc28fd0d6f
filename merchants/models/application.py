"""A retailer's application, a draft row per applicant until somebody decides on it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from merchants.models.merchant import Merchant


class Application(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SUBMITTED = "submitted", _("submitted")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")

    NEXT: ClassVar[dict[str, tuple[str, ...]]] = {
        "draft": ("submitted",),
        "submitted": ("approved", "rejected"),
    }

    ref = models.CharField(_("reference"), max_length=32, unique=True)
    applicant = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("applicant"),
        on_delete=models.PROTECT,
        related_name="applications",
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)

    country = models.CharField(_("country"), max_length=2, blank=True)
    legal_form = models.CharField(_("legal form"), max_length=40, blank=True)
    legal_name = models.CharField(_("legal name"), max_length=160, blank=True)
    company_number = models.CharField(_("company number"), max_length=40, blank=True)
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True)
    has_no_vat_number = models.BooleanField(_("has no VAT number"), default=False)
    iban = models.CharField(_("IBAN"), max_length=34, blank=True)
    mcc = models.CharField(_("merchant category code"), max_length=4, blank=True)
    location_name = models.CharField(_("name of the shop"), max_length=80, blank=True)
    street = models.CharField(_("street and number"), max_length=120, blank=True)
    postcode = models.CharField(_("postcode"), max_length=12, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)

    created_at = models.DateTimeField(_("started"))
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    decision_reason = models.TextField(_("reason"), blank=True)
    merchant = models.OneToOneField(
        Merchant, null=True, blank=True, on_delete=models.PROTECT, related_name="application"
    )

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("applications")
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="rejected") | ~Q(decision_reason=""),
                name="rejected_application_states_why",
                violation_error_message=_("Give a reason."),
            ),
            models.CheckConstraint(
                condition=~Q(state="approved") | Q(merchant__isnull=False),
                name="approved_application_has_a_merchant",
            ),
            models.UniqueConstraint(
                fields=["applicant"],
                condition=Q(state="draft"),
                name="one_draft_per_applicant",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.legal_name}".strip()
