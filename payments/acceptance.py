"""Accept and refund payments: one rule set, for one and for many.

:func:`accept` and :func:`refund` serve the API; :func:`accept_many` takes a stream of the
same requests in bulk. What settles where, on which business date, at which fee, is decided
here once and stored, never recomputed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from itertools import islice

from django.db import IntegrityError, transaction
from django.db.models import F

from merchants.models import Enrolment, Location, Sticker
from payments.models import LedgerEntry, Payment, Refund
from portal.core import calendars, money
from wallets import tariffs
from wallets.models import Feed, Wallet, WalletCountry

BATCH = 1_000


class CannotAccept(Exception):
    """A payment or refund that is refused; ``code`` is stable, the text says what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class PaymentRequest:
    """What a wallet reports: amounts in minor units of the shop's currency."""

    location_id: int
    wallet_ref: str
    currency: str
    price_minor: int
    occurred_at: datetime
    merchant_ref: str = ""
    tip_minor: int = 0
    sticker_id: int | None = None
    payer_currency: str = ""
    payer_minor: int | None = None
    quote_id: str = ""
    fx_rate: str = ""
    ref: str = ""


@dataclass(frozen=True)
class RefundRequest:
    """A refund of a payment, named by the wallet's id of the payment."""

    payment_wallet_ref: str
    wallet_ref: str
    price_minor: int
    occurred_at: datetime
    merchant_ref: str = ""
    ref: str = ""


@dataclass
class Route:
    """How the payments of one wallet in one country and currency settle."""

    issuer: Wallet
    feed: Feed
    hub: Wallet | None
    settling: Wallet
    _terms: dict[tuple[str, int, str, date], tariffs.Terms] = field(default_factory=dict)

    def terms(self, kind: str, wallet_id: int, currency: str, day: date) -> tariffs.Terms:
        key = (kind, wallet_id, currency, day)
        if key not in self._terms:
            self._terms[key] = tariffs.terms(wallet_id, kind, currency, day)
        return self._terms[key]

    def settling_fee(
        self, amount_minor: int, currency: str, day: date, *, refund: bool
    ) -> tariffs.Fee:
        """What the settling leg charges: the issuer's interchange, and the hub's part."""
        legs = [("interchange", self.issuer.pk)]
        if self.hub is not None:
            legs.append(("hub", self.hub.pk))
        total = tariffs.Fee(0, 0)
        for kind, wallet_id in legs:
            found = self.terms(kind, wallet_id, currency, day)
            total += found.on_refund(amount_minor) if refund else found.on_sale(amount_minor)
        return total

    def dates(self, instant: datetime) -> tuple[date, date]:
        day = calendars.business_date(instant, self.settling.timezone, self.settling.day_cutoff)
        return day, calendars.due_on(day, self.feed.rule)


class Rules:
    """What stays the same over many payments of one wallet, looked up once."""

    def __init__(self, issuer: Wallet) -> None:
        self.issuer = issuer
        self._locations: dict[int, tuple[Location, str]] = {}
        self._routes_taken: dict[tuple[int, int | None], Route] = {}

    @cached_property
    def routes(self) -> dict[tuple[str, str], Route]:
        covered = WalletCountry.objects.filter(wallet=self.issuer).select_related(
            "settled_by__feed"
        )
        return {
            (row.country, row.currency): Route(
                issuer=self.issuer,
                feed=row.settled_by.feed,
                hub=None if row.settled_by_id == self.issuer.pk else row.settled_by,
                settling=row.settled_by,
            )
            for row in covered
            # Without a feed there is nowhere to settle: the same as not covered.
            if hasattr(row.settled_by, "feed")
        }

    def route_of(self, payment: Payment) -> Route:
        """The route a payment was accepted for; its refunds go the same way."""
        key = (payment.feed_id, payment.hub_id)
        if key not in self._routes_taken:
            self._routes_taken[key] = Route(
                issuer=self.issuer, feed=payment.feed, hub=payment.hub, settling=payment.feed.wallet
            )
        return self._routes_taken[key]

    def know(self, location_ids: Iterable[int]) -> None:
        """Load locations and the store references this wallet knows them by."""
        wanted = set(location_ids) - self._locations.keys()
        for location in Location.objects.filter(pk__in=wanted).select_related("merchant__acquirer"):
            self._locations[location.pk] = (location, "")
        enrolled = Enrolment.objects.filter(
            location_id__in=wanted, wallet=self.issuer, state=Enrolment.State.APPROVED
        ).values_list("location_id", "store_ref")
        for location_id, store_ref in enrolled:
            self._locations[location_id] = (self._locations[location_id][0], store_ref)

    def place(self, location_id: int) -> tuple[Location, str]:
        if location_id not in self._locations:
            self.know([location_id])
        if location_id not in self._locations:
            raise CannotAccept("location_unknown", "There is no such location.")
        return self._locations[location_id]

    def route(self, country: str, currency: str) -> Route:
        try:
            return self.routes[country, currency]
        except KeyError:
            raise CannotAccept(
                "currency_not_covered",
                f"{self.issuer.name} does not cover {currency} in {country}.",
            ) from None


def new_ref(prefix: str) -> str:
    """Return a fresh public id such as ``pay_7k…`` (100 random bits)."""
    return f"{prefix}_{secrets.token_hex(13)}"


def check_amount(minor: int, currency: str) -> None:
    try:
        money.exponent(currency)
    except money.UnknownCurrency as error:
        raise CannotAccept("currency_unknown", str(error)) from None
    if not 0 < minor <= money.LARGEST_MINOR:
        raise CannotAccept("amount_out_of_range", "The amount must be positive minor units.")


_has_control_characters = re.compile(r"[\x00-\x1f\x7f]").search


def check_refs(wallet_ref: str, merchant_ref: str) -> None:
    """Refuse references that could not stand in a CSV, a packed ledger or a page."""
    if not wallet_ref or len(wallet_ref) > 64 or len(merchant_ref) > 64:
        raise CannotAccept("reference_length", "References have 1 to 64 characters.")
    if _has_control_characters(wallet_ref) or _has_control_characters(merchant_ref):
        raise CannotAccept("reference_characters", "References have no control characters.")


def _draft_payment(rules: Rules, asked: PaymentRequest) -> Payment:
    """Apply the rules to a request; return the payment to be stored, or raise CannotAccept."""
    check_refs(asked.wallet_ref, asked.merchant_ref)
    check_amount(asked.price_minor, asked.currency)
    if not 0 <= asked.tip_minor <= asked.price_minor:
        raise CannotAccept("tip_out_of_range", "The tip is part of the amount.")
    location, store_ref = rules.place(asked.location_id)
    if location.state != Location.State.ACCEPTING or location.merchant.state != "active":
        raise CannotAccept("location_not_accepting", "This shop takes no payments at present.")
    if not store_ref:
        raise CannotAccept(
            "wallet_not_enrolled", f"This shop is not enrolled at {rules.issuer.name}."
        )
    if asked.currency != location.currency:
        raise CannotAccept("currency_not_of_location", f"This shop sells in {location.currency}.")
    route = rules.route(location.country, asked.currency)
    settled_in = route.settling.settlement_currency or asked.currency
    rate = ""
    settled = asked.price_minor
    if settled_in != asked.currency:
        if not asked.fx_rate:
            raise CannotAccept(
                "rate_missing",
                f"{route.settling.name} settles in {settled_in}: send fx_rate and quote_id.",
            )
        rate = asked.fx_rate
        settled = money.convert(asked.price_minor, asked.currency, settled_in, rate)
        check_amount(settled, settled_in)
    business_date, due = route.dates(asked.occurred_at)
    acquirer = location.merchant.acquirer
    charge = route.terms("msc", acquirer.pk, asked.currency, business_date)
    return Payment(
        ref=asked.ref or new_ref("pay"), issuer=rules.issuer, acquirer=acquirer, hub=route.hub,
        feed=route.feed, merchant_id=location.merchant_id, location=location,
        sticker_id=asked.sticker_id, wallet_ref=asked.wallet_ref,
        merchant_ref=asked.merchant_ref, currency=asked.currency,
        price_minor=asked.price_minor, tip_minor=asked.tip_minor,
        settlement_currency=settled_in, settlement_minor=settled, fx_rate=rate,
        quote_id=asked.quote_id, payer_currency=asked.payer_currency,
        payer_minor=asked.payer_minor,
        merchant_fee_minor=charge.on_sale(asked.price_minor).minor,
        occurred_at=asked.occurred_at, business_date=business_date, due_on=due,
    )  # fmt: skip


def _sale(rules: Rules, payment: Payment) -> LedgerEntry:
    location, store_ref = rules.place(payment.location_id)
    route = rules.route(location.country, payment.currency)
    fee = route.settling_fee(
        payment.settlement_minor, payment.settlement_currency, payment.business_date, refund=False
    )
    return LedgerEntry(
        feed_id=payment.feed_id, wallet_id=payment.issuer_id, acquirer_id=payment.acquirer_id,
        payment=payment, merchant_id=payment.merchant_id, location_id=payment.location_id,
        kind=LedgerEntry.Kind.SALE, wallet_ref=payment.wallet_ref,
        merchant_ref=payment.merchant_ref, store_ref=store_ref, currency=payment.currency,
        gross_minor=payment.price_minor, settlement_currency=payment.settlement_currency,
        settlement_minor=payment.settlement_minor, fx_rate=payment.fx_rate,
        fee_minor=fee.minor, fee_vat_minor=fee.vat_minor, occurred_at=payment.occurred_at,
        business_date=payment.business_date, due_on=payment.due_on,
    )  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """A payment that the rules allow, and its ledger entry; nothing of it is stored yet."""

    payment: Payment
    entry: LedgerEntry


def draft(*, wallet: Wallet, request: PaymentRequest) -> Draft:
    """Apply the rules to a payment, reading only, or raise CannotAccept.

    Apart from :func:`book`, so that on SQLite no other writer waits while rules are read.
    """
    rules = Rules(wallet)
    payment = _draft_payment(rules, request)
    return Draft(payment, _sale(rules, payment))


def draft_scanned(*, wallet: Wallet, code: str, request: PaymentRequest) -> Draft:
    """Apply the rules to a payment for a scanned sticker code."""
    sticker = Sticker.objects.filter(code=code).only("location_id", "state").first()
    if sticker is None:
        raise CannotAccept("code_unknown", "There is no such code.")
    if sticker.state == Sticker.State.REVOKED:
        raise CannotAccept("code_revoked", "This sticker was revoked.")
    return draft(
        wallet=wallet,
        request=PaymentRequest(
            **{**request.__dict__, "location_id": sticker.location_id, "sticker_id": sticker.pk}
        ),
    )


def book(drafted: Draft) -> Payment:
    """Store a payment and its ledger entry, or raise CannotAccept and store nothing."""
    payment = drafted.payment
    try:
        with transaction.atomic():
            payment.save(force_insert=True)
            drafted.entry.save(force_insert=True)
    except IntegrityError:
        raise CannotAccept(
            "payment_already_reported",
            f"{payment.issuer.name} has reported {payment.wallet_ref} before.",
        ) from None
    return payment


def accept(*, wallet: Wallet, request: PaymentRequest) -> Payment:
    """Store one payment and its ledger entry, or raise CannotAccept and store nothing."""
    return book(draft(wallet=wallet, request=request))


def accept_scanned(*, wallet: Wallet, code: str, request: PaymentRequest) -> Payment:
    """Accept a payment for a scanned sticker code."""
    return book(draft_scanned(wallet=wallet, code=code, request=request))


@dataclass(frozen=True)
class RefundDraft:
    """A refund of a payment and its ledger entry; nothing of it is stored yet."""

    payment: Payment
    refund: Refund
    entry: LedgerEntry


def draft_refund(*, wallet: Wallet, request: RefundRequest) -> RefundDraft:
    """Apply the rules to a refund, reading only, or raise CannotAccept."""
    payment = (
        Payment.objects.filter(issuer=wallet, wallet_ref=request.payment_wallet_ref)
        .select_related("issuer", "feed__wallet", "hub", "location")
        .first()
    )
    if payment is None:
        raise CannotAccept("payment_unknown", "There is no payment with this id.")
    check_amount(request.price_minor, payment.currency)
    return RefundDraft(payment, *_draft_refund(Rules(wallet), payment, request))


def book_refund(drafted: RefundDraft) -> Refund:
    """Store a refund and its ledger entry, or raise CannotAccept and store nothing.

    The amount still refundable is taken by a conditional update, so that two refunds at
    once can never exceed the payment.
    """
    refund, entry = drafted.refund, drafted.entry
    try:
        with transaction.atomic():
            _take(drafted.payment, refund.price_minor)
            refund.save(force_insert=True)
            entry.refund = refund
            entry.save(force_insert=True)
    except IntegrityError:
        raise CannotAccept(
            "refund_already_reported",
            f"{drafted.payment.issuer.name} has reported {refund.wallet_ref} before.",
        ) from None
    return refund


def refund(*, wallet: Wallet, request: RefundRequest) -> Refund:
    """Store a refund and its ledger entry, or raise CannotAccept and store nothing."""
    return book_refund(draft_refund(wallet=wallet, request=request))


def _take(payment: Payment, minor: int) -> None:
    taken = (
        Payment.objects.filter(pk=payment.pk, refunded_minor__lte=F("price_minor") - minor)
        .exclude(state=Payment.State.CANCELLED)
        .update(refunded_minor=F("refunded_minor") + minor)
    )
    if not taken:
        left = payment.price_minor - payment.refunded_minor
        raise CannotAccept(
            "refund_exceeds_payment",
            f"At most {money.from_minor(left, payment.currency)} {payment.currency} is left.",
        )
    Payment.objects.filter(pk=payment.pk, refunded_minor=F("price_minor")).update(
        state=Payment.State.REFUNDED
    )
    Payment.objects.filter(pk=payment.pk, refunded_minor__lt=F("price_minor")).update(
        state=Payment.State.PARTLY_REFUNDED
    )


def _draft_refund(
    rules: Rules, payment: Payment, asked: RefundRequest
) -> tuple[Refund, LedgerEntry]:
    sale = LedgerEntry.objects.get(payment=payment, kind=LedgerEntry.Kind.SALE)
    return _refund_rows(rules, payment, asked, sale.store_ref)


def _refund_rows(
    rules: Rules, payment: Payment, asked: RefundRequest, store_ref: str
) -> tuple[Refund, LedgerEntry]:
    check_refs(asked.wallet_ref, asked.merchant_ref)
    route = rules.route_of(payment)
    settled = asked.price_minor
    if payment.fx_rate:
        # The original's rate holds for the refund, so that a full refund undoes the sale.
        settled = money.convert(
            asked.price_minor, payment.currency, payment.settlement_currency, payment.fx_rate
        )
    day, due = route.dates(asked.occurred_at)
    fee = route.settling_fee(
        settled, payment.settlement_currency, payment.business_date, refund=True
    )
    drafted = Refund(
        ref=asked.ref or new_ref("rfd"), payment=payment, issuer=rules.issuer,
        wallet_ref=asked.wallet_ref, merchant_ref=asked.merchant_ref or payment.merchant_ref,
        currency=payment.currency, price_minor=asked.price_minor, settlement_minor=settled,
        occurred_at=asked.occurred_at, business_date=day, due_on=due,
    )  # fmt: skip
    entry = LedgerEntry(
        feed_id=payment.feed_id, wallet_id=payment.issuer_id, acquirer_id=payment.acquirer_id,
        payment=payment, merchant_id=payment.merchant_id, location_id=payment.location_id,
        kind=LedgerEntry.Kind.REFUND, wallet_ref=drafted.wallet_ref,
        merchant_ref=drafted.merchant_ref, store_ref=store_ref, currency=payment.currency,
        gross_minor=-asked.price_minor, settlement_currency=payment.settlement_currency,
        settlement_minor=-settled, fx_rate=payment.fx_rate, fee_minor=fee.minor,
        fee_vat_minor=fee.vat_minor, occurred_at=asked.occurred_at, business_date=day, due_on=due,
    )  # fmt: skip
    return drafted, entry


def accept_many(*, wallet: Wallet, requests: Iterable[PaymentRequest | RefundRequest]) -> int:
    """Store a stream of payments and refunds of one wallet; return how many.

    Same rules as :func:`accept` and :func:`refund`, in transactions of 1,000, so that
    other writers get their turn on SQLite. The first request that is refused raises
    CannotAccept; the transactions before it stay. A refund must follow its payment.
    """
    rules = Rules(wallet)
    stored = 0
    stream: Iterator[PaymentRequest | RefundRequest] = iter(requests)
    while chunk := list(islice(stream, BATCH)):
        rules.know(asked.location_id for asked in chunk if isinstance(asked, PaymentRequest))
        with transaction.atomic():
            _store_chunk(rules, chunk)
        stored += len(chunk)
    return stored


def _store_chunk(rules: Rules, chunk: list[PaymentRequest | RefundRequest]) -> None:
    payments = [_draft_payment(rules, a) for a in chunk if isinstance(a, PaymentRequest)]
    Payment.objects.bulk_create(payments)
    entries = [_sale(rules, payment) for payment in payments]
    asked_refunds = [asked for asked in chunk if isinstance(asked, RefundRequest)]
    known = {
        payment.wallet_ref: payment
        for payment in Payment.objects.filter(
            issuer=rules.issuer, wallet_ref__in=[a.payment_wallet_ref for a in asked_refunds]
        ).select_related("feed__wallet", "hub")
    }
    # As the sale was known: the location may have left the wallet since.
    stores = dict(
        LedgerEntry.objects.filter(
            payment__in=known.values(), kind=LedgerEntry.Kind.SALE
        ).values_list("payment_id", "store_ref")
    )
    stores |= {
        payment.pk: entry.store_ref for payment, entry in zip(payments, entries, strict=True)
    }
    refunds: list[Refund] = []
    refund_entries: list[LedgerEntry] = []
    for asked in asked_refunds:
        payment = known.get(asked.payment_wallet_ref)
        if payment is None:
            raise CannotAccept("payment_unknown", "There is no payment with this id.")
        check_amount(asked.price_minor, payment.currency)
        _take(payment, asked.price_minor)
        drafted, entry = _refund_rows(rules, payment, asked, stores[payment.pk])
        refunds.append(drafted)
        refund_entries.append(entry)
    Refund.objects.bulk_create(refunds)
    for drafted, entry in zip(refunds, refund_entries, strict=True):
        entry.refund = drafted
    LedgerEntry.objects.bulk_create([*entries, *refund_entries])
