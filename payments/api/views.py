"""The API's five doors. Each reads, makes one call, and answers; refusals are raised."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.decorators import (
    api_view,
    authentication_classes,
    parser_classes,
    permission_classes,
    throttle_classes,
)
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from merchants.models import Location, Sticker
from payments import acceptance
from payments.acceptance import CannotAccept, Draft, RefundDraft
from payments.api import idempotency, serializers
from payments.api.authentication import WalletCaller
from payments.api.idempotency import Answer
from payments.api.limits import PerCredential
from payments.api.problems import Refused
from payments.api.strict import StrictJSON
from payments.models import Payment
from portal.core import clock
from wallets.models import Wallet

View = Callable[..., HttpResponse]


class WalletRequest(Request):
    """A request of a wallet; for type checkers."""

    user: WalletCaller  # type: ignore[assignment]


class AlwaysJSON(BaseContentNegotiation):
    """Every answer is JSON, whatever a client says it would like."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        wanted = (request.content_type or "").partition(";")[0].strip().lower()
        return next((p for p in parsers if p.media_type == wanted), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: Any = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


def door(*methods: str) -> Callable[[View], View]:
    """Make a function a view of the API for some methods: strict, throttled, JSON only."""

    def opened(view: View) -> View:
        made: Any = api_view(list(methods))(
            parser_classes([StrictJSON])(throttle_classes([PerCredential])(view))
        )
        made.cls.content_negotiation_class = AlwaysJSON
        made.cls.metadata_class = None
        return made

    return opened


@door("GET")
def code(request: WalletRequest, code: str) -> HttpResponse:
    """What a scanned code is, and whether the caller's users can pay there."""
    sticker = None
    if serializers.CODE.fullmatch(code):
        sticker = (
            Sticker.objects.filter(code=code).select_related("location__merchant__acquirer").first()
        )
    if sticker is None:
        raise Http404
    wallet = request.user.wallet
    refusal, settles_in = _why_not(wallet, sticker)
    return Response(
        {
            "code": sticker.code,
            "till": sticker.till,
            "shop": serializers.shop_body(sticker.location),
            "currency": sticker.location.currency,
            "accepted": refusal is None,
            "reason": None if refusal is None else {"code": refusal.code, "detail": str(refusal)},
            "settles_in": settles_in,
        }
    )


@door("POST")
def payments(request: WalletRequest) -> HttpResponse:
    """Take in a payment for a scanned code."""
    wallet, now = _payer(request), clock.now()

    def read() -> Draft:
        asked = serializers.read_payment(request.data, now=now)
        return acceptance.draft_scanned(wallet=wallet, code=asked.code, request=asked.request)

    def act(drafted: Draft) -> Answer:
        payment = acceptance.book(drafted)
        return Answer(201, serializers.payment_body(payment, refunds=[]), _address(payment))

    return idempotency.once(request, wallet=wallet, read=read, act=act, now=now)


@door("GET")
def payment(request: WalletRequest, ref: str) -> HttpResponse:
    """One of the caller's own payments, with its refunds."""
    found = _own_payment(request.user.wallet, ref)
    return Response(serializers.payment_body(found, refunds=list(found.refunds.order_by("pk"))))


@door("POST")
def refunds(request: WalletRequest, ref: str) -> HttpResponse:
    """Give money of a payment back."""
    wallet, now = request.user.wallet, clock.now()

    def read() -> RefundDraft:
        payment = _own_payment(wallet, ref)
        asked = serializers.read_refund(request.data, payment=payment, now=now)
        return acceptance.draft_refund(wallet=wallet, request=asked)

    def act(drafted: RefundDraft) -> Answer:
        refund = acceptance.book_refund(drafted)
        return Answer(
            201, serializers.refund_body(refund, drafted.payment), _address(drafted.payment)
        )

    return idempotency.once(request, wallet=wallet, read=read, act=act, now=now)


@door("GET", "POST", "PUT", "PATCH", "DELETE")
@authentication_classes([])
@permission_classes([])
def nothing(request: Request) -> HttpResponse:
    """Any other address, known to nobody."""
    raise Http404


def _address(payment: Payment) -> str:
    return reverse("api:payment", args=[payment.ref])


def _payer(request: WalletRequest) -> Wallet:
    wallet = request.user.wallet
    if not wallet.issues:
        raise Refused("wallet_does_not_pay", _("Its agreement does not say that its users pay."))
    return wallet


def _own_payment(wallet: Wallet, ref: str) -> Payment:
    """Return the wallet's payment; one of another wallet is as unknown as one that is not."""
    found = None
    if serializers.REF.fullmatch(ref):
        found = (
            Payment.objects.filter(issuer=wallet, ref=ref)
            .select_related("location", "feed__wallet")
            .first()
        )
    if found is None:
        raise Http404
    return found


def _why_not(wallet: Wallet, sticker: Sticker) -> tuple[CannotAccept | None, str | None]:
    """Return why a payment would be refused, if so, and the currency it would settle in."""
    location = sticker.location
    if not wallet.issues:
        return CannotAccept("wallet_does_not_pay", _("Your wallet's users do not pay here.")), None
    if sticker.state == Sticker.State.REVOKED:
        return CannotAccept("code_revoked", _("This sticker was revoked.")), None
    if location.state != Location.State.ACCEPTING or location.merchant.state != "active":
        return CannotAccept(
            "location_not_accepting", _("This shop takes no payments at present.")
        ), None
    rules = acceptance.Rules(wallet)
    _place, store_ref = rules.place(location.pk)
    if not store_ref:
        return CannotAccept("wallet_not_enrolled", _("This shop does not take your wallet.")), None
    try:
        route = rules.route(location.country, location.currency)
    except CannotAccept as refusal:
        return refusal, None
    return None, route.settling.settlement_currency or location.currency
