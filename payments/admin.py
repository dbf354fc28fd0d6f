"""Settlement files, lines, breaks and payments in the back office, to look at.

Finance sees those of all wallets, a wallet's admin the own ones, everybody else none; see
payments.access for who sees what.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from payments import access, settlement
from payments.models import Batch, Break, Delivery, Link, Payment, Refund, SettlementFile
from portal.core.admin import ScopedAdmin
from portal.core.templatetags.onestile import in_zone, money
from wallets.models import Wallet


def in_words(minor: int | None, currency: str) -> str:
    """Return an amount with its currency in the reader's locale, or a dash."""
    return "–" if minor is None else money(minor, currency)


def moment(instant: datetime | None, wallet: Wallet) -> str:
    """Return an instant in a wallet's time zone, its name behind it, or a dash."""
    return "–" if instant is None else in_zone(instant, wallet.timezone)


class MoneyAdmin(ScopedAdmin):
    """Rows of money: for finance and for the wallets they belong to."""

    def is_open_to(self, request: HttpRequest) -> bool:
        return access.sees_any(request.user)


class ShownInline(admin.TabularInline):
    """Rows below a row that the person may see."""

    template = "admin/edit_inline/tabular_region.html"
    extra = max_num = 0
    can_delete = False
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RefundInline(ShownInline):
    model = Refund
    fields = ("ref", "wallet_ref", "amount", "when", "business_date", "due_on")
    readonly_fields = ("amount", "when")
    ordering = ("pk",)

    @admin.display(description=_("when"))
    def when(self, refund: Refund) -> str:
        return moment(refund.occurred_at, refund.issuer)

    @admin.display(description=_("amount"))
    def amount(self, refund: Refund) -> str:
        return in_words(refund.price_minor, refund.currency)


@admin.register(Payment)
class PaymentAdmin(MoneyAdmin):
    list_display = ("ref", "when", "shop", "paid_with", "amount", "state")
    list_filter = ("state",)
    list_select_related = ("location", "issuer")
    search_fields = ("ref",)
    search_help_text = _("A payment's id, ours or the wallet's, whole. The list has the newest.")
    fields = (
        "ref", "state", "shop", "address", "paid_with", "wallet_ref", "merchant_ref", "amount",
        "tip", "refunded", "payer_amount", "settled_by", "settlement_amount", "fx_rate",
        "quote_id", "when", "business_date", "due_on",
    )  # fmt: skip
    inlines = (RefundInline,)

    def rows(self, request: HttpRequest) -> QuerySet[Payment]:
        return access.payments_of(request.user)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # What the acquirer charges the shop is between those two and finance.
        fields = super().get_fields(request, obj)
        return (*fields, "merchant_fee") if access.sees_all(request.user) else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # Asked wallet by wallet, so that the index of (wallet, its id) answers.
        by_wallet = Payment.objects.filter(
            issuer__in=list(Wallet.objects.values_list("pk", flat=True)), wallet_ref=term
        ).values_list("pk", flat=True)
        ours = Payment.objects.filter(ref=term).values_list("pk", flat=True)
        return queryset.filter(pk__in=[*by_wallet, *ours]), False

    @admin.display(description=_("when"))
    def when(self, payment: Payment) -> str:
        return moment(payment.occurred_at, payment.issuer)

    @admin.display(description=_("shop"))
    def shop(self, payment: Payment) -> str:
        return f"{payment.location.name}, {payment.location.city}"

    @admin.display(description=_("address"))
    def address(self, payment: Payment) -> str:
        at = payment.location
        return f"{at.street}, {at.postcode} {at.city}, {at.country}"

    @admin.display(description=_("paid with"))
    def paid_with(self, payment: Payment) -> str:
        return payment.issuer.name

    @admin.display(description=_("settled by"))
    def settled_by(self, payment: Payment) -> str:
        return payment.feed.wallet.name

    @admin.display(description=_("amount"))
    def amount(self, payment: Payment) -> str:
        return in_words(payment.price_minor, payment.currency)

    @admin.display(description=_("of it tip"))
    def tip(self, payment: Payment) -> str:
        return in_words(payment.tip_minor, payment.currency)

    @admin.display(description=_("refunded"))
    def refunded(self, payment: Payment) -> str:
        return in_words(payment.refunded_minor, payment.currency)

    @admin.display(description=_("payer's amount"))
    def payer_amount(self, payment: Payment) -> str:
        return in_words(payment.payer_minor, payment.payer_currency)

    @admin.display(description=_("settled amount"))
    def settlement_amount(self, payment: Payment) -> str:
        return in_words(payment.settlement_minor, payment.settlement_currency)

    @admin.display(description=_("service charge"))
    def merchant_fee(self, payment: Payment) -> str:
        return in_words(payment.merchant_fee_minor, payment.currency)


class BatchInline(ShownInline):
    model = Batch
    fields = ("settlement_ref", "wallet", "value_date", "lines", "gross", "fee", "net", "other")
    readonly_fields = ("gross", "fee", "net", "other")
    ordering = ("pk",)

    @admin.display(description=_("gross"))
    def gross(self, batch: Batch) -> str:
        return in_words(batch.gross_minor, batch.currency)

    @admin.display(description=_("fee"))
    def fee(self, batch: Batch) -> str:
        return in_words(batch.fee_minor, batch.currency)

    @admin.display(description=_("net"))
    def net(self, batch: Batch) -> str:
        return in_words(batch.net_minor, batch.currency)

    @admin.display(description=_("rows that are no payment"))
    def other(self, batch: Batch) -> str:
        return in_words(batch.other_minor, batch.currency)


class DeliveryInline(ShownInline):
    model = Delivery
    fields = ("name", "result", "arrived")
    readonly_fields = ("arrived",)
    ordering = ("pk",)

    @admin.display(description=_("arrived"))
    def arrived(self, delivery: Delivery) -> str:
        return moment(delivery.arrived_at, delivery.feed.wallet)


@admin.register(SettlementFile)
class SettlementFileAdmin(MoneyAdmin):
    list_display = ("name", "feed", "period_from", "period_to", "version", "state", "received")
    list_filter = ("state",)
    list_select_related = ("feed__wallet",)
    search_fields = ("name__startswith",)
    search_help_text = _("How the file's name begins. The list has the newest.")
    fields = (
        "name", "feed_code", "identity", "version", "state", "reason_code", "reason_line",
        "reason_text", "warnings", "period_from", "period_to", "received", "decided",
        "size", "sha256", "page", "outcomes",
    )  # fmt: skip
    readonly_fields = ("feed_code", "outcomes", "received", "decided", "page")
    inlines = (BatchInline, DeliveryInline)

    def rows(self, request: HttpRequest) -> QuerySet[SettlementFile]:
        return access.files_of(request.user)

    @admin.display(description=_("received"))
    def received(self, file: SettlementFile) -> str:
        return moment(file.received_at, file.feed.wallet)

    @admin.display(description=_("decided"))
    def decided(self, file: SettlementFile) -> str:
        return moment(file.settled_at, file.feed.wallet)

    @admin.display(description=_("feed"))
    def feed_code(self, file: SettlementFile) -> str:
        return file.feed.code

    @admin.display(description=_("its page"))
    def page(self, file: SettlementFile) -> str:
        words = (
            _("What is wrong, whom to ask, and sending a corrected file")
            if file.state == SettlementFile.State.QUARANTINED
            else _("Its bytes as they came")
        )
        return format_html('<a href="{}">{}</a>', reverse("payments:file", args=[file.pk]), words)

    @admin.display(description=_("outcomes of its lines"))
    def outcomes(self, file: SettlementFile) -> str:
        run = file.runs.exclude(state="writing").order_by("pk").last()
        found = run.outcomes if run else {}
        return ", ".join(f"{outcome}: {number}" for outcome, number in found.items()) or "–"


@admin.register(Batch)
class BatchAdmin(MoneyAdmin):
    """Sums of settlements; a member's own ones in a hub's file, without the file."""

    list_display = ("settlement_ref", "wallet", "value_date", "lines", "gross", "fee", "net")
    search_fields = ("settlement_ref__exact",)
    search_help_text = _("A settlement's reference, whole. The list has the newest.")
    fields = (
        "settlement_ref", "wallet", "value_date", "lines", "gross", "fee", "net", "other",
    )  # fmt: skip
    readonly_fields = ("gross", "fee", "net", "other")
    gross, fee = BatchInline.gross, BatchInline.fee
    net, other = BatchInline.net, BatchInline.other

    def rows(self, request: HttpRequest) -> QuerySet[Batch]:
        return access.batches_of(request.user)


@admin.register(Link)
class LinkAdmin(MoneyAdmin):
    """Lines that settled what the ledger expected."""

    list_display = ("wallet_ref", "wallet", "kind", "amount", "settlement", "line_no")
    list_select_related = ("entry__wallet", "batch")
    search_fields = ("entry__wallet_ref",)
    search_help_text = _("The wallet's id of a payment or refund, whole. The list has the newest.")
    fields = (
        "wallet_ref", "wallet", "kind", "amount", "business_date", "settlement", "line_no",
        "rule", "raw_line",
    )  # fmt: skip
    readonly_fields = (
        "wallet_ref", "wallet", "kind", "amount", "business_date", "settlement", "raw_line",
    )  # fmt: skip

    def rows(self, request: HttpRequest) -> QuerySet[Link]:
        return access.links_of(request.user)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(entry__wallet_ref=term) if term else queryset), False

    @admin.display(description=_("wallet's id"))
    def wallet_ref(self, link: Link) -> str:
        return link.entry.wallet_ref

    @admin.display(description=_("wallet"))
    def wallet(self, link: Link) -> str:
        return link.entry.wallet.code

    @admin.display(description=_("kind"))
    def kind(self, link: Link) -> str:
        return link.entry.get_kind_display()

    @admin.display(description=_("amount"))
    def amount(self, link: Link) -> str:
        return in_words(link.entry.gross_minor, link.entry.currency)

    @admin.display(description=_("business date"))
    def business_date(self, link: Link) -> str:
        return link.entry.business_date.isoformat()

    @admin.display(description=_("settlement"))
    def settlement(self, link: Link) -> str:
        return link.batch.settlement_ref

    @admin.display(description=_("the line as it came"))
    def raw_line(self, link: Link) -> str:
        return _raw_line(link.run.file, link.line_no)


@admin.register(Break)
class BreakAdmin(MoneyAdmin):
    list_display = (
        "outcome", "wallet", "wallet_ref", "kind", "expected", "settled", "business_date",
        "opened", "state",
    )  # fmt: skip
    list_filter = ("state", "outcome")
    search_fields = ("wallet_ref__exact",)
    search_help_text = _("The wallet's id of a payment or refund, whole. The list has the newest.")
    fields = (
        "outcome", "flags", "wallet", "wallet_ref", "kind", "expected", "settled", "difference",
        "business_date", "line_no", "raw_line", "note", "state", "opened", "closed",
        "closing_note",
    )  # fmt: skip
    readonly_fields = ("expected", "settled", "difference", "raw_line", "opened", "closed")
    list_select_related = ("feed__wallet",)

    def rows(self, request: HttpRequest) -> QuerySet[Break]:
        return access.breaks_of(request.user)

    @admin.display(description=_("opened"))
    def opened(self, break_: Break) -> str:
        return moment(break_.opened_at, break_.feed.wallet)

    @admin.display(description=_("closed"))
    def closed(self, break_: Break) -> str:
        return moment(break_.closed_at, break_.feed.wallet)

    @admin.display(description=_("expected"))
    def expected(self, break_: Break) -> str:
        return in_words(break_.expected_minor, break_.currency)

    @admin.display(description=_("settled"))
    def settled(self, break_: Break) -> str:
        return in_words(break_.settled_minor, break_.settled_currency)

    @admin.display(description=_("difference"))
    def difference(self, break_: Break) -> str:
        if break_.expected_minor is None or break_.settled_minor is None:
            return "–"
        if break_.settled_currency != break_.currency:
            return "–"  # amounts in two currencies have no difference
        return in_words(break_.settled_minor - break_.expected_minor, break_.currency)

    @admin.display(description=_("the line as it came"))
    def raw_line(self, break_: Break) -> str:
        return _raw_line(break_.file, break_.line_no)


def _raw_line(file: SettlementFile | None, line_no: int | None) -> str:
    """Return a line for a row the person may see, or a dash where there is no text of it."""
    if file is None or line_no is None:
        return "–"
    try:
        return settlement.raw_line(file, line_no) or "–"
    except FileNotFoundError:
        return "–"
