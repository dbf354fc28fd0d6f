"""What a payer sees who scans a sticker, or types its code. Public, small, without cookies."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from merchants import enrolment, qr
from merchants.models import Location, Sticker

SECONDS_IN_CACHES = 60


@require_safe
def scan(request: HttpRequest, code: str) -> HttpResponse:
    """Name the shop behind a code and the wallets it takes, or say what is wrong with it."""
    code = code[:80]
    canonical = qr.normalise(code)
    stickers = Sticker.objects.select_related("location__merchant")
    # No code has other characters; PostgreSQL would refuse some of them as a text at all.
    found = stickers.filter(code=canonical).first() if canonical.isalnum() else None
    if found is None:
        return _page(request, "unknown", status=404, code=code, mistake=_mistake(code))
    if found.code != code:
        return redirect("merchants:scan", found.code)
    if found.state == Sticker.State.REVOKED:
        return _page(request, "revoked", status=410, code=found.code)
    location = found.location
    takes_payments = (
        location.state == Location.State.ACCEPTING and location.merchant.state == "active"
    )
    return _page(
        request, "shop" if takes_payments else "closed", code=found.code, sticker=found,
        location=location, wallets=enrolment.taken_at(location),
    )  # fmt: skip


@require_safe
def typed(request: HttpRequest) -> HttpResponse:
    """Find a sticker by the code printed beside its symbol."""
    code = request.GET.get("code", "").strip()[:80]
    canonical = qr.normalise(code)
    if canonical and canonical.isascii() and canonical.isalnum():
        return redirect("merchants:scan", canonical)
    return _page(request, "ask", code=code, mistake=_mistake(code) if code else "")


def _mistake(code: str) -> str:
    """Return what is wrong with a code that no sticker has; "" when it is only unknown."""
    try:
        qr.read(code)
    except qr.Mistyped as mistake:
        return _(mistake.template) % mistake.params
    return ""


def _page(request: HttpRequest, what: str, *, status: int = 200, **context: object) -> HttpResponse:
    response = render(request, "merchants/scan.html", {"what": what, **context}, status=status)
    response["Cache-Control"] = f"public, max-age={SECONDS_IN_CACHES}"
    return response
