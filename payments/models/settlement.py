"""What a wallet says it settled: deliveries, the files behind them, their batches."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from wallets.models import Feed


class SettlementFile(models.Model):
    """The bytes of a file, once, with its version and what became of it.

    Identity is the partner's own name for the file; the hash only tells a re-sent file
    from a corrected one. ``path`` is below the portal's file store, named by hash.
    """

    class State(models.TextChoices):
        RECEIVED = "received", _("received")
        RECONCILED = "reconciled", _("reconciled")
        QUARANTINED = "quarantined", _("quarantined")
        SUPERSEDED = "superseded", _("superseded")

    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(_("file"), max_length=254)
    identity = models.CharField(_("partner's name for it"), max_length=160)
    version = models.PositiveIntegerField(_("version"), default=1)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size = models.BigIntegerField(_("bytes"))
    path = models.CharField(max_length=254)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.RECEIVED)
    received_at = models.DateTimeField(_("received"))
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    period_from = models.DateField(_("from"), null=True, blank=True)
    period_to = models.DateField(_("to"), null=True, blank=True)
    reason_code = models.CharField(_("reason"), max_length=60, blank=True)
    reason_text = models.TextField(_("reason in words"), blank=True)
    reason_line = models.BigIntegerField(_("line"), null=True, blank=True)
    warnings = models.JSONField(_("warnings"), default=list, blank=True)
    settled_at = models.DateTimeField(_("decided"), null=True, blank=True)
    sequence = models.BigIntegerField(_("partner's running number"), null=True, blank=True)
    sequence_of = models.CharField(_("numbers run within"), max_length=80, blank=True)
    is_summary = models.BooleanField(_("only declares totals"), default=False)

    class Meta:
        verbose_name = _("settlement file")
        verbose_name_plural = _("settlement files")
        constraints = [
            models.UniqueConstraint(
                fields=["feed", "identity", "version"], name="one_file_per_version"
            ),
            models.UniqueConstraint(
                fields=["feed", "identity"],
                condition=Q(state="reconciled"),
                name="one_version_of_a_file_counts",
            ),
            models.CheckConstraint(
                condition=~Q(state="quarantined") | ~Q(reason_code=""),
                name="quarantined_file_states_why",
            ),
        ]
        indexes = [
            models.Index(
                fields=["feed", "id"], condition=Q(state="received"), name="files_still_to_read"
            ),
            models.Index(fields=["feed", "period_to"], name="files_of_a_night"),
        ]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One arrival of a file, whatever it turned out to be.

    ``sha256`` and ``path`` are of the bytes as they came: still encrypted, still packed.
    """

    class Result(models.TextChoices):
        NEW = "new", _("new")
        RESENT = "resent", _("sent again, unchanged")
        NEW_VERSION = "new_version", _("new version")
        OLD_VERSION = "old_version", _("an older version again; the later one still counts")

    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="deliveries")
    file = models.ForeignKey(SettlementFile, on_delete=models.PROTECT, related_name="deliveries")
    name = models.CharField(_("file"), max_length=254)
    result = models.CharField(_("result"), max_length=12, choices=Result)
    arrived_at = models.DateTimeField(_("arrived"))
    sha256 = models.CharField(_("SHA-256 as it came"), max_length=64, blank=True)
    path = models.CharField(max_length=254, blank=True)
    was_encrypted = models.BooleanField(_("came encrypted"), default=False)
    signed_by = models.CharField(_("signed by"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["feed", "name", "sha256"], name="delivery_of_these_bytes_seen_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Batch(models.Model):
    """A settlement inside a file: what the partner pays as one sum. Minor units."""

    file = models.ForeignKey(SettlementFile, on_delete=models.PROTECT, related_name="batches")
    settlement_ref = models.CharField(_("settlement"), max_length=80)
    wallet = models.CharField(_("wallet"), max_length=20)
    currency = models.CharField(_("currency"), max_length=3)
    value_date = models.DateField(_("value date"), null=True, blank=True)
    lines = models.BigIntegerField(_("lines"))
    gross_minor = models.BigIntegerField(_("gross"))
    fee_minor = models.BigIntegerField(_("fee"))
    net_minor = models.BigIntegerField(_("net"))
    other_minor = models.BigIntegerField(_("rows that are no payment"), default=0)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")

    def __str__(self) -> str:
        return self.settlement_ref
