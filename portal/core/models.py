"""The ground everyone stands on: people, the audit trail, leases and jobs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

REVIEWERS = "reviewers"
FINANCE = "finance"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in, by e-mail address, which is kept in lower case."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("may use the back office"), default=False)
    joined_at = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.email

    def get_short_name(self) -> str:
        return self.name or self.email.partition("@")[0]

    def in_group(self, name: str) -> bool:
        """Tell whether the user belongs to a group; asked once per request and kept."""
        if not hasattr(self, "_group_names"):
            self._group_names = set(self.groups.values_list("name", flat=True))
        return name in self._group_names

    @property
    def is_reviewer(self) -> bool:
        return self.is_superuser or self.in_group(REVIEWERS)

    @property
    def is_finance(self) -> bool:
        return self.is_superuser or self.in_group(FINANCE)


class AuditEntry(models.Model):
    """One act by somebody, written once and never changed."""

    at = models.DateTimeField(_("at"), db_index=True)
    actor = models.ForeignKey(
        User,
        verbose_name=_("by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    actor_label = models.CharField(_("by"), max_length=254)
    verb = models.CharField(_("act"), max_length=80, db_index=True)
    target_type = models.CharField(_("kind of thing"), max_length=80)
    target_id = models.CharField(_("id of thing"), max_length=64)
    target_label = models.CharField(_("thing"), max_length=254)
    data = models.JSONField(_("details"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [models.Index(fields=["target_type", "target_id"], name="audit_by_target")]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_label}"


class AuditSeal(models.Model):
    """The place of an audit entry in the hash chain; added later by one background act."""

    number = models.BigIntegerField(_("number"), primary_key=True)
    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, related_name="seal")
    hash = models.CharField(_("hash"), max_length=64)

    class Meta:
        verbose_name = _("audit seal")
        verbose_name_plural = _("audit seals")

    def __str__(self) -> str:
        return f"{self.number} {self.hash[:12]}"


class Lease(models.Model):
    """Who may work on a named thing until when; the token fences a worker that lost it."""

    name = models.CharField(primary_key=True, max_length=120)
    token = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=120, blank=True)
    until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("lease")
        verbose_name_plural = _("leases")

    def __str__(self) -> str:
        return self.name


class Job(models.Model):
    """A piece of long work with its progress; the row decides, a message only hints."""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    kind = models.CharField(_("kind"), max_length=60, db_index=True)
    params = models.JSONField(_("parameters"), default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    done_units = models.BigIntegerField(_("done"), default=0)
    total_units = models.BigIntegerField(_("of"), default=0)
    message = models.CharField(_("message"), max_length=254, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["queued", "running"]),
                name="job_still_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done_units // self.total_units) if self.total_units else 0


class Setting(models.Model):
    """A single named value that the portal keeps about itself."""

    name = models.CharField(primary_key=True, max_length=80)
    value = models.TextField(blank=True)

    class Meta:
        verbose_name = _("setting")
        verbose_name_plural = _("settings")

    def __str__(self) -> str:
        return self.name
