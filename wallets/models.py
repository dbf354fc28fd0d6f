"""Who pays: the partner wallets and hubs, what they cover, what they charge, their feeds."""

from __future__ import annotations

import re
from datetime import time
from zoneinfo import ZoneInfoNotFoundError

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.core import calendars
from portal.core.secrets import SecretField

COUNTRIES = {
    "AT": ("Austria", "EUR", "Europe/Vienna"),
    "DE": ("Germany", "EUR", "Europe/Berlin"),
    "ES": ("Spain", "EUR", "Europe/Madrid"),
    "PT": ("Portugal", "EUR", "Europe/Lisbon"),
    "FI": ("Finland", "EUR", "Europe/Helsinki"),
    "SE": ("Sweden", "SEK", "Europe/Stockholm"),
    "DK": ("Denmark", "DKK", "Europe/Copenhagen"),
    "NO": ("Norway", "NOK", "Europe/Oslo"),
    "IS": ("Iceland", "ISK", "Atlantic/Reykjavik"),
    "SI": ("Slovenia", "EUR", "Europe/Ljubljana"),
}
"""The ten countries of the alliance: English name, currency, time zone."""


class Wallet(models.Model):
    """A partner of the alliance."""

    code = models.SlugField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=80)
    issues = models.BooleanField(_("its users pay"), default=True)
    acquires = models.BooleanField(_("contracts merchants"), default=False)
    is_hub = models.BooleanField(_("others connect through it"), default=False)
    home_country = models.CharField(_("home country"), max_length=2)
    timezone = models.CharField(_("time zone"), max_length=40)
    day_cutoff = models.TimeField(
        _("business day starts at"), default=time(0, 0), help_text=_("Local time of the wallet.")
    )
    settlement_currency = models.CharField(
        _("pays out in"),
        max_length=3,
        blank=True,
        help_text=_("Leave empty when it pays out in the currency of the sale."),
    )
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a time zone that there is not: every night of the wallet is told in it."""
        try:
            calendars.zone(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValidationError(
                {"timezone": _("There is no such time zone; write it as Europe/Oslo.")}
            ) from None


class WalletCountry(models.Model):
    """A country and currency that a wallet's agreement covers, and who settles there."""

    wallet = models.ForeignKey(Wallet, on_delete=models.CASCADE, related_name="countries")
    country = models.CharField(_("country"), max_length=2)
    currency = models.CharField(_("currency"), max_length=3)
    settled_by = models.ForeignKey(
        Wallet,
        verbose_name=_("settled by"),
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("The wallet itself, or the hub whose file carries its payments."),
    )

    class Meta:
        verbose_name = _("country covered")
        verbose_name_plural = _("countries covered")
        constraints = [
            models.UniqueConstraint(
                fields=["wallet", "country", "currency"],
                name="wallet_covers_country_and_currency_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.wallet_id} {self.country} {self.currency}"


class Tariff(models.Model):
    """What a partner charges, for a period: basis points plus fixed minor units."""

    class Kind(models.TextChoices):
        INTERCHANGE = "interchange", _("interchange: taken by the issuing wallet")
        HUB = "hub", _("hub: taken by the hub that settles")
        MSC = "msc", _("merchant service charge: taken by the acquirer from the merchant")

    wallet = models.ForeignKey(Wallet, on_delete=models.CASCADE, related_name="tariffs")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    currency = models.CharField(_("currency"), max_length=3)
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    bps = models.PositiveIntegerField(_("basis points"))
    fixed_minor = models.BigIntegerField(_("fixed part, minor units"), default=0)
    netted = models.BooleanField(_("netted"), default=True, help_text=_("Else invoiced."))
    returned_on_refund = models.BooleanField(_("returned on refund"), default=False)
    vat_bps = models.PositiveIntegerField(_("VAT on the fee, basis points"), default=0)

    class Meta:
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")),
                name="tariff_ends_after_it_starts",
            ),
            models.UniqueConstraint(
                fields=["wallet", "kind", "currency", "valid_from"],
                name="one_tariff_of_a_kind_starts_on_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wallet_id} {self.kind} {self.currency} {self.bps} bps"


class Mapping(models.Model):
    """A partner's own layout, described column by column; one version, never edited in place.

    ``description`` is what wallets.formats.mapped reads by. ``trial`` is the verdict on the
    sample that it was tried on: it is switched on only after one that was read whole.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        ON = "on", _("in use")
        OFF = "off", _("no longer in use")

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="mappings")
    name = models.CharField(_("name"), max_length=80)
    version = models.PositiveIntegerField(_("version"), default=1)
    description = models.JSONField(_("description"), default=dict)
    state = models.CharField(_("state"), max_length=5, choices=State, default=State.DRAFT)
    sample_name = models.CharField(_("tried on"), max_length=254, blank=True)
    sample_sha256 = models.CharField(max_length=64, blank=True)
    trial = models.JSONField(_("what the trial found"), default=dict, blank=True)
    tried_at = models.DateTimeField(_("tried"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    switched_on_at = models.DateTimeField(_("in use since"), null=True, blank=True)
    switched_on_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = _("mapping")
        verbose_name_plural = _("mappings")
        constraints = [
            models.UniqueConstraint(
                fields=["wallet", "name", "version"], name="mapping_version_written_once"
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(tried_at__isnull=False),
                name="mapping_in_use_was_tried",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


class Feed(models.Model):
    """Where a settling wallet leaves its settlement files, in which layout, and when."""

    class Empty(models.TextChoices):
        NONE = "none", _("no file comes")
        ZERO = "zero", _("a file without lines comes")
        CARRY = "carry", _("no file comes, the balance carries over")

    class Ready(models.TextChoices):
        QUIET = "quiet", _("size and time have not changed for a while")
        MARKER = "marker", _("a marker file lies beside it")
        AT_ONCE = "at_once", _("at once: the partner renames whole files into place")

    class After(models.TextChoices):
        LEAVE = "leave", _("leave it where it lies")
        MOVE = "move", _("move it to another folder of the partner")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    wallet = models.OneToOneField(Wallet, on_delete=models.PROTECT, related_name="feed")
    format = models.CharField(_("layout"), max_length=40, help_text=_("A name in wallets.formats."))
    mapping = models.ForeignKey(
        Mapping,
        verbose_name=_("mapping"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="feeds",
        help_text=_("For the layout “mapped”: which description it is read by."),
    )
    place = models.CharField(
        _("place"),
        max_length=500,
        blank=True,
        help_text=_("A folder, or an address such as sftp://user@host:22/settlements."),
    )
    pattern = models.CharField(_("file names"), max_length=120, default="*")
    entry_pattern = models.CharField(
        _("names inside a zip"),
        max_length=120,
        default="*",
        help_text=_("Which entries of a zip archive are settlement files."),
    )
    ready_when = models.CharField(
        _("a file is whole when"), max_length=8, choices=Ready, default=Ready.QUIET
    )
    quiet_seconds = models.PositiveIntegerField(
        _("quiet for, seconds"), default=60, help_text=_("How long is a while.")
    )
    marker_suffix = models.CharField(
        _("marker ends in"),
        max_length=20,
        default=".done",
        help_text=_("A file a.csv is whole once a.csv.done lies beside it."),
    )
    after = models.CharField(_("once taken"), max_length=5, choices=After, default=After.LEAVE)
    move_to = models.CharField(
        _("moved to"), max_length=500, blank=True, help_text=_("A folder at the same place.")
    )
    host_key = models.TextField(
        _("host key"),
        blank=True,
        help_text=_("The server's public key, such as ssh-ed25519 AAAA…; no other is trusted."),
    )
    password = SecretField(_("password"), blank=True, default="")
    ssh_key = SecretField(
        _("our SSH key"), blank=True, default="", help_text=_("Private, in OpenSSH form.")
    )
    must_be_encrypted = models.BooleanField(
        _("must be encrypted"), default=False, help_text=_("With OpenPGP; else it may be.")
    )
    must_be_signed = models.BooleanField(
        _("must be signed"), default=False, help_text=_("With OpenPGP, by the partner's key.")
    )
    pgp_key = SecretField(
        _("our OpenPGP key"), blank=True, default="", help_text=_("Private, armored.")
    )
    partner_key = models.TextField(
        _("partner's OpenPGP key"), blank=True, help_text=_("Public, armored.")
    )
    schedule = models.CharField(
        _("schedule"),
        max_length=60,
        default="daily",
        help_text=_("daily, weekdays, monthly, or days of the month such as 1,8,16,24."),
    )
    holidays = models.CharField(
        _("closed on"),
        max_length=40,
        blank=True,
        help_text=_(
            "Whose holidays move a file to the next working day: a country such as NO, or "
            "TARGET for bank days. Empty: none."
        ),
    )
    expected_by = models.TimeField(
        _("expected by"), default=time(12, 0), help_text=_("Local time of the wallet.")
    )
    minimum_minor = models.BigIntegerField(
        _("minimum payout, minor units"),
        default=0,
        help_text=_("A lower balance carries over to the next file."),
    )
    minimum_by_currency = models.JSONField(
        _("minimum in other currencies"),
        default=dict,
        blank=True,
        help_text=_('Minor units by currency, such as {"SEK": 55000}; else the same number.'),
    )
    empty_file = models.CharField(
        _("when nothing is to be settled"), max_length=5, choices=Empty, default=Empty.ZERO
    )
    options = models.JSONField(_("options of the layout"), default=dict, blank=True)
    active = models.BooleanField(_("active"), default=True)
    looked_at = models.DateTimeField(_("last looked at"), null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(
        _("cannot be reached since"), null=True, blank=True, editable=False
    )
    failure = models.TextField(_("why"), blank=True, editable=False)

    class Meta:
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Refuse a schedule or holidays that cannot be read, and minima that are no numbers."""
        # Not said of a field: a form may well be without it.
        try:
            self.rule.check()
        except calendars.BadRule as error:
            raise ValidationError(str(error)) from None
        told = self.minimum_by_currency
        if not isinstance(told, dict) or not all(
            re.fullmatch("[A-Z]{3}", str(currency)) and type(minor) is int and minor >= 0
            for currency, minor in told.items()
        ):
            raise ValidationError(
                _('Write the minimum in other currencies like {"SEK": 55000, "NOK": 58000}.')
            )

    @property
    def rule(self) -> calendars.Rule:
        """Return when its files are due, for portal.core.calendars."""
        return calendars.Rule(self.schedule, self.holidays)

    def least(self, currency: str) -> int:
        """Return the smallest balance, in minor units, that is paid out in a currency.

        A balance of nothing is never paid out. A minimum counts only where it carries over.
        """
        if self.empty_file != self.Empty.CARRY:
            return 1
        return max(1, self.minimum_by_currency.get(currency, self.minimum_minor))


class Sighting(models.Model):
    """A file that was seen at a feed's place: is it still growing, was it taken.

    ``modified`` is the partner's own time of it, as text, only ever compared with itself.
    """

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="sightings")
    name = models.CharField(_("file"), max_length=254)
    size = models.BigIntegerField(_("bytes"))
    modified = models.CharField(max_length=40, blank=True)
    since = models.DateTimeField(_("unchanged since"))
    taken_at = models.DateTimeField(_("taken"), null=True, blank=True)

    class Meta:
        verbose_name = _("file seen")
        verbose_name_plural = _("files seen")
        constraints = [models.UniqueConstraint(fields=["feed", "name"], name="file_seen_once")]

    def __str__(self) -> str:
        return self.name


class Credential(models.Model):
    """An API key of a wallet; only its hash is kept."""

    wallet = models.ForeignKey(Wallet, on_delete=models.CASCADE, related_name="credentials")
    prefix = models.CharField(_("begins with"), max_length=20, unique=True)
    secret_hash = models.CharField(max_length=64)
    label = models.CharField(_("label"), max_length=80, blank=True)
    created_at = models.DateTimeField(_("created"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")

    def __str__(self) -> str:
        return self.prefix


class WalletMembership(models.Model):
    """A person who looks after a wallet."""

    wallet = models.ForeignKey(Wallet, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="wallet_memberships"
    )

    class Meta:
        verbose_name = _("wallet admin")
        verbose_name_plural = _("wallet admins")
        constraints = [
            models.UniqueConstraint(fields=["wallet", "user"], name="wallet_admin_listed_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} of {self.wallet_id}"
