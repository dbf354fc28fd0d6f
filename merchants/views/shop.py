"""The retailer's pages: her shops and stickers, and what to do next."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models.functions import Lower
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from merchants import access, enrolment, onboarding, printing, stickers
from merchants.forms.application import AnotherShopForm, TillForm
from merchants.models import Application, Location, Sticker
from merchants.refusals import Refused
from portal.core import clock, paging
from portal.core.http import AuthenticatedRequest
from wallets.models import COUNTRIES

SHOPS_ON_A_PAGE = 20
PICTURES_ON_A_PAGE = 8
STICKERS_ON_A_SHEET = 400

LAYOUTS = {
    "pdf": ("application/pdf", printing.pdf),
    "svg": ("image/svg+xml", printing.svg),
    "png": ("image/png", printing.png),
}


@login_required
def home(request: AuthenticatedRequest) -> HttpResponse:
    """What to do next, the shops with their stickers, and the ways to the money."""
    user = request.user
    merchants = list(access.merchants_of(user)[:50])
    page = paging.newest_first(
        access.locations_of(user).select_related("merchant"),
        before=request.GET.get("before"),
        size=SHOPS_ON_A_PAGE,
    )
    hanging = list(
        access.stickers_of(user)
        .filter(location__in=page.rows)
        .exclude(state__in=[Sticker.State.REVOKED, Sticker.State.REPLACED])
        .order_by("pk")
    )
    shops = [
        {
            "location": location,
            "stickers": [sticker for sticker in hanging if sticker.location_id == location.pk],
        }
        for location in page.rows
    ]
    applications = list(access.applications_of(user)[:20])
    return render(
        request,
        "merchants/home.html",
        {
            "merchants": merchants,
            "shops": shops,
            "page": page,
            "pictures": len(hanging) <= PICTURES_ON_A_PAGE,
            "unprinted": next((s for s in hanging if s.state == Sticker.State.ISSUED), None),
            "hanging": hanging,
            "open_application": _the_one_to_act_on(applications),
            "applications": [
                found for found in applications if found.state != Application.State.APPROVED
            ],
            "writable": list(access.merchants_of(user, write=True)[:50]),
        },
    )


def _the_one_to_act_on(applications: list[Application]) -> Application | None:
    """Return the newest application, unless it was approved and there is nothing to do."""
    newest = applications[0] if applications else None
    return newest if newest and newest.state != Application.State.APPROVED else None


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def add_shop(request: AuthenticatedRequest, ref: str) -> HttpResponse:
    """Open one more shop of a merchant; it takes payments at once and gets a sticker."""
    merchant = access.merchant_for(request.user, ref, write=True)
    asked_now = request.POST if request.method == "POST" else None
    form = AnotherShopForm(asked_now, initial={"where": merchant.country})
    if form.is_valid():
        asked = form.cleaned_data
        try:
            sticker = onboarding.add_shop(
                merchant, name=asked["location_name"], street=asked["street"],
                postcode=asked["postcode"], city=asked["city"], country=asked["where"],
                by=request.user, now=clock.now(),
            )  # fmt: skip
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(
                request,
                _("%(shop)s takes payments now. Print its sticker.")
                % {"shop": asked["location_name"]},
            )
            return redirect("merchants:sticker", sticker.code)
    return render(request, "merchants/add_shop.html", {"merchant": merchant, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def location(request: AuthenticatedRequest, code: str) -> HttpResponse:
    """One shop: address, wallets, all its stickers; POST issues one more, for a till."""
    writes = request.method == "POST"
    found = access.location_for(request.user, code, write=writes)
    form = TillForm(request.POST if writes else None)
    if form.is_valid():
        try:
            issued = stickers.issue(
                found, till=form.cleaned_data["till"], by=request.user, now=clock.now()
            )
        except Refused as refusal:
            messages.error(request, str(refusal))
            return redirect("merchants:location", code)
        messages.success(request, _("A sticker is ready. Print it and hang it up."))
        return redirect("merchants:sticker", issued.code)
    return render(
        request,
        "merchants/location.html",
        {
            "location": found,
            "enrolments": found.enrolments.select_related("wallet").order_by(Lower("wallet__name")),
            "not_offered": enrolment.not_offered(found),
            "stickers": found.stickers.order_by("-pk")[:200],
            "may_act": access.may_act(request.user, found.merchant),
            "form": form,
        },
    )


@login_required
def sticker(request: AuthenticatedRequest, code: str) -> HttpResponse:
    """One sticker: its picture, the ways to print it, what can be done with it."""
    found = access.sticker_for(request.user, code)
    return render(
        request,
        "merchants/sticker.html",
        {
            "sticker": found,
            "hangs": found.state in (Sticker.State.ISSUED, Sticker.State.PRINTED),
            "may_act": access.may_act(request.user, found.location.merchant),
            "zone": COUNTRIES[found.location.country][2],
        },
    )


@login_required
def picture(request: AuthenticatedRequest, code: str) -> HttpResponse:
    """The sticker as SVG, to be looked at; nothing is marked as printed."""
    found = access.sticker_for(request.user, code)
    drawn = printing.svg(stickers.face(found))
    return HttpResponse(
        drawn, content_type="image/svg+xml", headers={"Cache-Control": "private, max-age=300"}
    )


@require_POST
@login_required
def download(request: AuthenticatedRequest, code: str) -> HttpResponse:
    """Hand out a sticker for printing as PDF, SVG or PNG, and mark it printed."""
    found = access.sticker_for(request.user, code)
    layout = request.POST.get("as", "pdf")
    if layout not in LAYOUTS:
        raise Http404
    if found.state == Sticker.State.REVOKED:
        messages.error(request, _("This sticker is revoked, so it is not printed any more."))
        return redirect("merchants:sticker", found.code)
    face = stickers.face(found)
    content_type, draw = LAYOUTS[layout]
    drawn: bytes = draw([face] if layout == "pdf" else face)  # type: ignore[operator]
    stickers.mark_printed([found], by=request.user, now=clock.now())
    return _attachment(drawn, content_type, f"sticker-{found.code}.{layout}")


@require_POST
@login_required
def sheet(request: AuthenticatedRequest, ref: str) -> HttpResponse:
    """All stickers of a merchant that hang or shall hang, four on an A4 sheet."""
    merchant = access.merchant_for(request.user, ref)
    found = list(
        access.stickers_of(request.user)
        .filter(
            location__merchant=merchant,
            state__in=[Sticker.State.ISSUED, Sticker.State.PRINTED],
            location__state=Location.State.ACCEPTING,
        )
        .select_related("location")
        .order_by("state", "pk")[:STICKERS_ON_A_SHEET]
    )
    if not found:
        messages.error(request, _("There is no sticker to print."))
        return redirect("merchants:home")
    drawn = printing.pdf(stickers.faces(found))
    stickers.mark_printed(found, by=request.user, now=clock.now())
    return _attachment(drawn, "application/pdf", f"stickers-{merchant.ref}.pdf")


@require_POST
@login_required
def replace(request: AuthenticatedRequest, code: str) -> HttpResponse:
    """Issue a new sticker in place of one that is worn or lost."""
    found = access.sticker_for(request.user, code, write=True)
    return _act(
        request, found, stickers.replace, _("A new sticker is ready. Print it and hang it up.")
    )


@require_POST
@login_required
def revoke(request: AuthenticatedRequest, code: str) -> HttpResponse:
    """Stop a sticker: payers who scan it are told not to pay."""
    found = access.sticker_for(request.user, code, write=True)
    return _act(request, found, stickers.revoke, _("The sticker is revoked. Take it down."))


def _act(request: AuthenticatedRequest, found: Sticker, act: Any, done: str) -> HttpResponse:
    try:
        successor = act(found, by=request.user, now=clock.now())
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("merchants:sticker", found.code)
    messages.success(request, done)
    return redirect("merchants:sticker", successor.code if successor else found.code)


def _attachment(drawn: bytes, content_type: str, name: str) -> HttpResponse:
    return HttpResponse(
        drawn,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
