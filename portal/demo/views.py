"""Pages of the demo: who to be, paying as a wallet, the next night, mails that stayed."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from merchants.models import Enrolment, Location, Merchant, Sticker
from payments import acceptance
from payments.acceptance import CannotAccept, PaymentRequest, RefundRequest
from payments.models import Payment, SettlementFile
from portal.core import clock, paging
from portal.core.models import Job, User
from portal.demo import nights, people, work, world
from portal.demo.forms import CodeForm, PayForm
from portal.models import DemoMail
from wallets.models import Wallet


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Who to be, how far the world is, what to try next."""
    jobs = work.open_jobs()
    last = Job.objects.filter(kind__startswith="demo.").order_by("-pk").first()
    return render(
        request, "demo/index.html",
        {
            "logins": _logins(), "password": people.PASSWORD, "jobs": jobs,
            "failed": last if last and last.state == Job.State.FAILED else None,
            "today": clock.now().date(), "days_ahead": clock.days_ahead(),
            "locations": world.size(), "payments": Payment.objects.count(),
            "files": SettlementFile.objects.count(),
            "closed_through": nights.closed_through(),
            "code": world.sticker_code(0),
        },
    )  # fmt: skip


def _logins() -> list[dict[str, Any]]:
    """Return the demo's people with what each can try, shops first."""
    there = set(User.objects.values_list("email", flat=True))
    return [
        {"person": person, "what": people.describe(person), "paths": _paths(person)}
        for person in people.everybody()
        if person.email in there
    ]


def _paths(person: people.Person) -> list[tuple[str, str]]:
    """Return (what to try, where) for a role, in the order of the story."""
    code = world.sticker_code(0)
    if person.role == "shop":
        return [
            (_("See the sticker and print it"), reverse("merchants:sticker", args=[code])),
            (_("Pay at your own counter as any wallet"), reverse("demo:pay", args=[code])),
            (_("Watch it arrive in the list of today"),
             reverse("payments:today", args=[world.location_code(0)])),
            (_("See when the money comes"), reverse("payments:money")),
        ]  # fmt: skip
    if person.role == "chain":
        return [
            (_("See every shop of the chain"), reverse("merchants:home")),
            (_("See what each wallet took and owes"), reverse("payments:money")),
        ]
    if person.role == "reviewer":
        return [
            (_("Decide on the applications that wait"),
             reverse("admin:merchants_application_changelist")),
        ]  # fmt: skip
    if person.role == "finance":
        return [(_("Read last night, break by break, and download it"), reverse("payments:nights"))]
    return [
        (_("See the wallet's own files, lines and payments"), reverse("admin:index")),
    ]


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in as one of the demo's people; nobody else can be signed in this way."""
    email = request.POST.get("email", "")
    if email not in {person.email for person in people.everybody()}:
        messages.error(request, _("Only the people listed here can be signed in like this."))
        return redirect("demo:index")
    user = get_object_or_404(User, email=email, is_active=True)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("home")


@require_POST
def close_night(request: HttpRequest) -> HttpResponse:
    """Close today's business day: the partners send their files and it is tomorrow."""
    day = clock.now().date()
    if work.queue_night(day=day) is None:
        messages.warning(request, _("The demo is still busy. Wait until it has finished."))
    else:
        messages.success(
            request,
            _("The day %(day)s is being closed. In a moment it is the next morning here.")
            % {"day": day},
        )
    return redirect("demo:index")


@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    page = paging.newest_first(DemoMail.objects.all(), before=request.GET.get("before"))
    return render(request, "demo/mails.html", {"page": page})


@require_safe
def mail(request: HttpRequest, mail_id: int) -> HttpResponse:
    return render(request, "demo/mail.html", {"mail": get_object_or_404(DemoMail, pk=mail_id)})


# --- paying as a wallet


def choose(request: HttpRequest) -> HttpResponse:
    """Find the sticker to pay at: by its code, or one of some."""
    form = CodeForm(request.GET) if "code" in request.GET else CodeForm()
    if form.is_bound and form.is_valid():
        return redirect("demo:pay", code=form.cleaned_data["code"])
    return render(request, "demo/choose.html", {"form": form, "stickers": _some_stickers()})


def _some_stickers() -> list[Sticker]:
    """Return the newest retailer's stickers, where people most likely come from, and two more."""
    newest = Merchant.objects.exclude(ref__startswith=world.MERCHANT_PREFIX).order_by("-pk")[:3]
    stickers = Sticker.objects.select_related("location").exclude(state=Sticker.State.REVOKED)
    return [
        *stickers.filter(location__merchant__in=list(newest)).order_by("-pk")[:5],
        *stickers.filter(
            location__code__in=[world.location_code(n) for n in range(world.NAMED_SHOPS)]
        ).order_by("location__code")[:4],
    ]


def pay(request: HttpRequest, code: str) -> HttpResponse:
    """Pay a shop as the user of a wallet would, with the rules of the real thing."""
    sticker = get_object_or_404(
        Sticker.objects.select_related("location__merchant"), code=code.upper()
    )
    shop = sticker.location
    wallets = _wallets_at(shop)
    form = PayForm(request.POST or None, wallets=wallets, currency=shop.currency)
    if request.method == "POST" and form.is_valid():
        wallet = next(one for one in wallets if one.code == form.cleaned_data["wallet"])
        try:
            payment = acceptance.accept_scanned(
                wallet=wallet, code=sticker.code,
                request=_request(wallet, shop, form.cleaned_data["amount"]),
            )  # fmt: skip
        except CannotAccept as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Paid. The shop sees it at once."))
            return redirect("demo:paid", ref=payment.ref)
    context = {"form": form, "sticker": sticker, "shop": shop, "wallets": wallets}
    return render(request, "demo/pay.html", context)


def _wallets_at(shop: Location) -> list[Wallet]:
    return list(
        Wallet.objects.filter(
            active=True, enrolments__location=shop, enrolments__state=Enrolment.State.APPROVED
        ).order_by("name")
    )


def _request(wallet: Wallet, shop: Location, minor: int) -> PaymentRequest:
    now = clock.now().replace(microsecond=0)
    converted = wallet.settlement_currency not in ("", shop.currency)
    return PaymentRequest(
        location_id=shop.pk, wallet_ref=_fresh_ref(), currency=shop.currency, price_minor=minor,
        occurred_at=now,
        fx_rate=nights.rate(world.seed(), shop.currency, now.date()) if converted else "",
        quote_id=f"Q{now:%y%m%d}{shop.currency}" if converted else "",
    )  # fmt: skip


def _fresh_ref() -> str:
    """Return an id that every layout can carry: 24 digits that no simulated payment has."""
    return "77" + "".join(secrets.choice("0123456789") for _nth in range(22))


def _paid(ref: str) -> Payment:
    return get_object_or_404(
        Payment.objects.select_related("issuer", "location", "feed__wallet", "sticker"), ref=ref
    )


@require_safe
def paid(request: HttpRequest, ref: str) -> HttpResponse:
    """What became of a payment, with the way to give it back."""
    payment = _paid(ref)
    return render(
        request, "demo/paid.html",
        {
            "payment": payment,
            "left_minor": payment.price_minor - payment.refunded_minor,
            "code": payment.sticker.code if payment.sticker else "",
        },
    )  # fmt: skip


@require_POST
def refund(request: HttpRequest, ref: str) -> HttpResponse:
    """Give back what is left of a payment, as the wallet would report it."""
    payment = _paid(ref)
    left = payment.price_minor - payment.refunded_minor
    # A refund never happens before its payment, whatever the demo's clock says.
    now = max(clock.now(), payment.occurred_at + timedelta(seconds=1)).replace(microsecond=0)
    try:
        acceptance.refund(
            wallet=payment.issuer,
            request=RefundRequest(
                payment_wallet_ref=payment.wallet_ref, wallet_ref=_fresh_ref(), price_minor=left,
                occurred_at=now,
            ),
        )  # fmt: skip
    except CannotAccept as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Given back. The shop sees it at once."))
    return redirect("demo:paid", ref=ref)
