"""What was accepted: payments and refunds, each with its own id and the wallet's."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from merchants.models import Location, Merchant, Sticker
from wallets.models import Feed, Wallet


class Payment(models.Model):
    """A payer's payment at a location, with the route it will settle by.

    Three amounts: price (the shop's currency), settlement (the feed's currency, with rate
    and quote) and payer (information). ``merchant_fee_minor`` is the acquirer's service
    charge in the price currency.
    """

    class State(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        CANCELLED = "cancelled", _("cancelled")
        PARTLY_REFUNDED = "partly_refunded", _("partly refunded")
        REFUNDED = "refunded", _("refunded")

    ref = models.CharField(_("payment id"), max_length=40, unique=True)
    issuer = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+")
    acquirer = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+", db_index=False)
    hub = models.ForeignKey(
        Wallet, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="+", db_index=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="payments", db_index=False
    )
    location = models.ForeignKey(
        Location, on_delete=models.PROTECT, related_name="payments", db_index=False
    )
    sticker = models.ForeignKey(
        Sticker, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    wallet_ref = models.CharField(_("wallet's id"), max_length=64)
    merchant_ref = models.CharField(_("shop's reference"), max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.ACCEPTED)

    currency = models.CharField(_("currency"), max_length=3)
    price_minor = models.BigIntegerField(_("amount, minor units"))
    tip_minor = models.BigIntegerField(_("of it tip, minor units"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded, minor units"), default=0)
    settlement_currency = models.CharField(_("settled in"), max_length=3)
    settlement_minor = models.BigIntegerField(_("settled amount, minor units"))
    fx_rate = models.CharField(_("rate"), max_length=24, blank=True)
    quote_id = models.CharField(_("quote"), max_length=64, blank=True)
    payer_currency = models.CharField(_("payer's currency"), max_length=3, blank=True)
    payer_minor = models.BigIntegerField(_("payer's amount"), null=True, blank=True)
    merchant_fee_minor = models.BigIntegerField(_("service charge, minor units"))

    occurred_at = models.DateTimeField(_("when"))
    business_date = models.DateField(_("business date"))
    due_on = models.DateField(_("settlement due"))

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "wallet_ref"], name="payment_reported_once_by_its_wallet"
            ),
            models.CheckConstraint(condition=Q(price_minor__gt=0), name="payment_is_positive"),
            models.CheckConstraint(
                condition=Q(tip_minor__gte=0) & Q(tip_minor__lte=models.F("price_minor")),
                name="tip_is_part_of_the_payment",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0) & Q(refunded_minor__lte=models.F("price_minor")),
                name="refunds_never_exceed_the_payment",
            ),
        ]
        indexes = [
            models.Index(fields=["location", "occurred_at"], name="payments_of_a_location"),
            models.Index(fields=["merchant", "business_date"], name="payments_of_a_merchant"),
        ]

    def __str__(self) -> str:
        return self.ref


class Refund(models.Model):
    """Money given back of a payment."""

    ref = models.CharField(_("refund id"), max_length=40, unique=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    issuer = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+", db_index=False)
    wallet_ref = models.CharField(_("wallet's id"), max_length=64)
    merchant_ref = models.CharField(_("shop's reference"), max_length=64, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    price_minor = models.BigIntegerField(_("amount, minor units"))
    settlement_minor = models.BigIntegerField(_("settled amount, minor units"))
    occurred_at = models.DateTimeField(_("when"))
    business_date = models.DateField(_("business date"))
    due_on = models.DateField(_("settlement due"))

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "wallet_ref"], name="refund_reported_once_by_its_wallet"
            ),
            models.CheckConstraint(condition=Q(price_minor__gt=0), name="refund_is_positive"),
        ]

    def __str__(self) -> str:
        return self.ref


class IdempotencyKey(models.Model):
    """A request a wallet made, so that repeating it gives the same answer and no second act."""

    wallet = models.ForeignKey(Wallet, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [
            models.UniqueConstraint(fields=["wallet", "key"], name="key_used_once_per_wallet")
        ]

    def __str__(self) -> str:
        return self.key
