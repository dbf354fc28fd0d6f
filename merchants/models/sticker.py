"""One printed code. The exact text in the symbol is kept for as long as paper lasts.

The version and mask of the symbol are kept too, so that a reprint is the same picture.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from merchants import qr
from merchants.models.location import Location


class Sticker(models.Model):
    class State(models.TextChoices):
        ISSUED = "issued", _("issued")
        PRINTED = "printed", _("printed")
        REPLACED = "replaced", _("replaced")
        REVOKED = "revoked", _("revoked")

    code = models.CharField(_("code"), max_length=20, unique=True)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="stickers")
    till = models.CharField(_("till"), max_length=40, blank=True)
    payload = models.CharField(_("text in the symbol"), max_length=254)
    symbol_version = models.PositiveSmallIntegerField(
        _("symbol version"), default=0, help_text=_("0 is the smallest that fits.")
    )
    symbol_mask = models.PositiveSmallIntegerField(_("symbol mask"), default=qr.MASK)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ISSUED)
    issued_at = models.DateTimeField(_("issued"))
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    printed_at = models.DateTimeField(_("first printed"), null=True, blank=True)
    replaced_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaces"
    )

    class Meta:
        verbose_name = _("sticker")
        verbose_name_plural = _("stickers")

    def __str__(self) -> str:
        return self.code
