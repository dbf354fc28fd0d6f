"""The front door: a page for strangers, the right desk for everyone else."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from wallets.models import COUNTRIES, Wallet


def home(request: HttpRequest) -> HttpResponse:
    user = request.user
    if user.is_authenticated:
        if user.is_finance and not user.is_superuser:
            return redirect("payments:nights")
        if user.is_staff:
            return redirect("admin:index")
        return redirect("merchants:home")
    wallets = Wallet.objects.filter(active=True, issues=True).order_by("name")
    return render(request, "core/home.html", {"wallets": wallets, "countries": COUNTRIES})
