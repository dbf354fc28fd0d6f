"""The ledger: the immutable facts that settlement is compared with."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from merchants.models import Location, Merchant
from payments.models.payment import Payment, Refund
from wallets.models import Feed, Wallet


class LedgerEntry(models.Model):
    """One capture, refund or other movement, written once.

    Amounts are signed from the merchant's view: sale +, refund -. ``gross_minor`` is in
    ``currency``; ``settlement_minor``, ``fee_minor`` and ``fee_vat_minor`` are in
    ``settlement_currency``. ``fee_minor`` is what the settling leg's tariff says, + when
    charged. ``store_ref`` is the location as the paying wallet knows it.
    """

    class Kind(models.TextChoices):
        SALE = "sale", _("sale")
        REFUND = "refund", _("refund")
        DISPUTE = "dispute", _("dispute")
        DISPUTE_REVERSAL = "dispute_reversal", _("dispute reversal")
        ADJUSTMENT = "adjustment", _("adjustment")

    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="+", db_index=False)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+", db_index=False)
    acquirer = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+", db_index=False)
    payment = models.ForeignKey(
        Payment, null=True, on_delete=models.PROTECT, related_name="entries"
    )
    refund = models.ForeignKey(
        Refund, null=True, on_delete=models.PROTECT, related_name="entries", db_index=False
    )
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(
        Location, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    wallet_ref = models.CharField(_("wallet's id"), max_length=64)
    merchant_ref = models.CharField(_("shop's reference"), max_length=64, blank=True)
    store_ref = models.CharField(_("store reference at the wallet"), max_length=40)
    currency = models.CharField(_("currency"), max_length=3)
    gross_minor = models.BigIntegerField(_("amount, minor units"))
    settlement_currency = models.CharField(_("settled in"), max_length=3)
    settlement_minor = models.BigIntegerField(_("settled amount, minor units"))
    fx_rate = models.CharField(_("rate"), max_length=24, blank=True)
    fee_minor = models.BigIntegerField(_("fee, minor units"))
    fee_vat_minor = models.BigIntegerField(_("VAT on the fee, minor units"), default=0)
    occurred_at = models.DateTimeField(_("when"))
    business_date = models.DateField(_("business date"))
    due_on = models.DateField(_("settlement due"))

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        constraints = [
            models.UniqueConstraint(
                fields=["wallet", "kind", "wallet_ref"], name="wallet_reports_a_movement_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="sale") | models.Q(gross_minor__gt=0),
                name="sale_is_positive",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="refund") | models.Q(gross_minor__lt=0),
                name="refund_is_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["feed", "business_date"], name="entries_of_a_night"),
            models.Index(fields=["merchant", "business_date"], name="entries_of_a_merchant"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.wallet_ref}"
