"""What the demo remembers: the mails it would have sent, and how far its partners are."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wallets.models import Feed


class DemoMail(models.Model):
    """A mail that the demo kept instead of sending."""

    sender = models.CharField(_("from"), max_length=254)
    recipients = models.CharField(_("to"), max_length=500)
    subject = models.CharField(_("subject"), max_length=254)
    body = models.TextField(_("text"))
    sent_at = models.DateTimeField(_("sent"), default=timezone.now)

    class Meta:
        verbose_name = _("demo mail")
        verbose_name_plural = _("demo mails")

    def __str__(self) -> str:
        return self.subject


class DemoPartner(models.Model):
    """How far the simulated partner behind a feed is.

    ``closed_through`` is the last business date whose payments it has put into a file or
    carries over; ``carried_from`` is the first business date of a balance it carries.
    ``held`` are the ids of ledger entries it left out by mistake and sends with the next
    file; ``settled`` are some ids it has sent before.
    """

    feed = models.OneToOneField(Feed, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField(_("files written"), default=0)
    closed_through = models.DateField(_("closed through"), null=True)
    carried_from = models.DateField(_("carried from"), null=True)
    held = models.JSONField(_("held back"), default=list)
    settled = models.JSONField(_("sent before"), default=list)

    class Meta:
        verbose_name = _("demo partner")
        verbose_name_plural = _("demo partners")

    def __str__(self) -> str:
        return str(self.feed_id)
