"""One comparison of one file with the ledger, and its results."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from payments.models.ledger import LedgerEntry
from payments.models.settlement import Batch, SettlementFile
from wallets.formats.statement import Line
from wallets.models import Feed


class Run(models.Model):
    """A comparison. Its links and breaks count only once it is ``done``.

    The rows are written in short transactions, so that a shop's payment never waits for
    a million of them on SQLite; the last transaction makes all of them valid at once.
    """

    class State(models.TextChoices):
        WRITING = "writing", _("being written")
        DONE = "done", _("done")
        REVERSED = "reversed", _("reversed by a later version")

    file = models.ForeignKey(SettlementFile, on_delete=models.PROTECT, related_name="runs")
    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WRITING)
    engine = models.CharField(_("engine"), max_length=20)
    layout = models.CharField(_("layout"), max_length=40, blank=True)
    layout_options = models.JSONField(_("options of the layout"), default=dict, blank=True)
    token = models.BigIntegerField()
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    records = models.BigIntegerField(_("records"), default=0)
    lines = models.BigIntegerField(_("lines"), default=0)
    matched = models.BigIntegerField(_("matched"), default=0)
    outcomes = models.JSONField(_("outcomes"), default=dict)
    totals = models.JSONField(_("totals by currency, minor units"), default=dict)
    roll_forward = models.JSONField(_("roll-forward, minor units"), default=list)
    csv_path = models.CharField(max_length=254, blank=True)
    csv_sha256 = models.CharField(_("SHA-256 of the CSV"), max_length=64, blank=True)
    csv_rows = models.BigIntegerField(_("rows of the CSV"), default=0)
    slice_path = models.CharField(max_length=254, blank=True)
    slice_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = [
            models.UniqueConstraint(
                fields=["file"], condition=Q(state="done"), name="one_run_of_a_file_counts"
            )
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class Link(models.Model):
    """A ledger entry settled by a line; unique per entry, so that nothing settles twice.

    ``run`` carries the file. Settled amounts stand here only where they differ from the
    ledger's. The database does not check the foreign keys one by one: entry, run and batch
    were read or written in the same run, none of them is ever deleted while it counts, and
    checking a million rows would cost more than writing them.
    """

    entry = models.ForeignKey(
        LedgerEntry,
        on_delete=models.PROTECT,
        related_name="links",
        db_constraint=False,
        db_index=False,
    )
    run = models.ForeignKey(
        Run, on_delete=models.PROTECT, related_name="links", db_constraint=False
    )
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    line_no = models.BigIntegerField(_("line"))
    rule = models.CharField(_("rule"), max_length=10)
    settled_gross_minor = models.BigIntegerField(null=True, blank=True)
    settled_fee_minor = models.BigIntegerField(null=True, blank=True)
    settled_currency = models.CharField(max_length=3, blank=True)
    fx_rate = models.CharField(max_length=24, blank=True)
    reversed_by = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints = [
            models.UniqueConstraint(
                fields=["entry"], condition=Q(reversed_by=None), name="an_entry_settles_once"
            )
        ]

    def __str__(self) -> str:
        return f"entry {self.entry_id} by line {self.line_no}"


class Break(models.Model):
    """A line that differs, an entry due and absent, or a file that could not be read.

    A break counts once its run is done; a break of a whole file has no run.
    """

    class Outcome(models.TextChoices):
        DUPLICATE = "duplicate", _("settled twice")
        UNKNOWN_LOCATION = "unknown_location", _("unknown location")
        REFUND_WITHOUT_PAYMENT = "refund_without_payment", _("refund without its payment")
        MISSING_IN_LEDGER = "missing_in_ledger", _("not in our ledger")
        CURRENCY_MISMATCH = "currency_mismatch", _("currency differs")
        AMOUNT_MISMATCH = "amount_mismatch", _("amount differs")
        FEE_MISMATCH = "fee_mismatch", _("fee differs")
        MISSING_IN_SETTLEMENT = "missing_in_settlement", _("not settled")
        FILE_QUARANTINED = "file_quarantined", _("file could not be read")
        FILE_ABSENT = "file_absent", _("file is due and absent")
        TOTALS_DIFFER = "totals_differ", _("declared totals differ")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")
        WRITTEN_OFF = "written_off", _("written off")

    run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.PROTECT, related_name="breaks"
    )
    file = models.ForeignKey(
        SettlementFile, null=True, blank=True, on_delete=models.PROTECT, related_name="breaks"
    )
    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="breaks", db_index=False)
    wallet = models.CharField(_("wallet"), max_length=20)
    outcome = models.CharField(_("outcome"), max_length=24, choices=Outcome)
    flags = models.CharField(_("flags"), max_length=120, blank=True)
    entry = models.ForeignKey(
        LedgerEntry, null=True, blank=True, on_delete=models.PROTECT, related_name="breaks"
    )
    line_no = models.BigIntegerField(_("line"), null=True, blank=True)
    wallet_ref = models.CharField(_("wallet's id"), max_length=64, blank=True)
    kind = models.CharField(_("kind"), max_length=16, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    expected_minor = models.BigIntegerField(_("expected, minor units"), null=True, blank=True)
    settled_minor = models.BigIntegerField(_("settled, minor units"), null=True, blank=True)
    line = models.JSONField(_("the line, whole"), default=list, blank=True)
    note = models.TextField(_("in words"), blank=True)
    business_date = models.DateField(_("business date"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField(_("opened"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    closed_by_run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    closing_note = models.TextField(_("how it was closed"), blank=True)

    class Meta:
        verbose_name = _("break")
        verbose_name_plural = _("breaks")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open") | ~Q(closing_note=""), name="closed_break_says_how"
            ),
            models.UniqueConstraint(
                fields=["feed", "business_date"],
                condition=Q(outcome="file_absent", state="open"),
                name="an_absent_file_is_reported_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["feed", "id"], condition=Q(state="open"), name="breaks_still_open"
            ),
            models.Index(
                fields=["business_date"],
                condition=Q(outcome="file_absent"),
                name="absences_by_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.wallet_ref}"

    @property
    def settled_currency(self) -> str:
        """Return the currency of ``settled_minor``: the line's own, if there is a line."""
        return Line(*self.line).currency if len(self.line) == len(Line._fields) else self.currency
