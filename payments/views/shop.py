"""The money pages of retailers: what a shop took today, and my money."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from merchants import access
from payments import takings
from portal.core import calendars, clock
from portal.core.http import AuthenticatedRequest

PERIODS = {"today": _("Today"), "week": _("This week"), "month": _("This month")}

BAR_WIDTH, BAR_GAP, CHART_HEIGHT = 50, 12, 120
"""The drawing of the last days, in its own units; the page stretches it."""


@require_GET
@login_required
def today(request: AuthenticatedRequest, code: str) -> HttpResponse:
    """Show the payments of a shop today; the page refreshes itself where it can."""
    location = access.location_for(request.user, code)
    zone = takings.zone_of(location.country)
    start, end = takings.bounds_of_today(location, clock.now())
    before = request.GET.get("before")
    return render(
        request,
        "payments/today.html",
        {
            "location": location,
            "zone": zone,
            "date": start.astimezone(calendars.zone(zone)).date(),
            "day": takings.day_of(location, start=start, end=end),
            "page": takings.payments_of_day(location, start=start, end=end, before=before),
            "is_live": not before and request.GET.get("live") != "off",
        },
    )


@require_GET
@login_required
def money(request: AuthenticatedRequest) -> HttpResponse:
    """Show what the merchants of a user took, what it costs, and when it is expected."""
    if request.user.is_staff or request.user.is_finance:
        raise Http404
    merchants = list(access.merchants_of(request.user, write=True))
    period = request.GET.get("period", "")
    period = period if period in PERIODS else "week"
    zone = takings.zone_of(merchants[0].country if merchants else "")
    now = clock.now()
    day = now.astimezone(calendars.zone(zone)).date()
    since = takings.first_day(period, day)
    found = takings.money_of(merchants, today=day, since=since) if merchants else []
    return render(
        request,
        "payments/money.html",
        {
            "merchants": merchants,
            "monies": [(money, _drawn(money)) for money in found],
            "period": period,
            "periods": PERIODS.items(),
            "since": since,
            "today": day,
            "bar_width": BAR_WIDTH - BAR_GAP,
        },
    )


def _drawn(money: takings.Money) -> list[tuple[takings.Bar, int, int, int]]:
    """Return (bar, x, y, height) in the units of the drawing, from the left to today."""
    drawn = []
    for at, bar in enumerate(money.bars):
        height = bar.height * CHART_HEIGHT // 1_000
        if bar.sums.taken_minor:
            height = max(height, 2)
        drawn.append((bar, at * BAR_WIDTH + BAR_GAP // 2, CHART_HEIGHT - height, height))
    return drawn
