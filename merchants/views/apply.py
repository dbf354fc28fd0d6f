"""The application: what it costs, one page a step, check answers, follow it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from merchants import access, identifiers, onboarding
from merchants.forms.application import FORMS, SellsForm
from merchants.models import Application
from merchants.refusals import Refused
from portal.core import clock
from portal.core.http import AuthenticatedRequest
from wallets.models import COUNTRIES, Wallet

STEPS = {step.slug: step for step in onboarding.STEPS}


@require_http_methods(["GET", "HEAD", "POST"])
def apply(request: HttpRequest) -> HttpResponse:
    """What it costs, who pays with it and what to have ready; POST begins an application."""
    now = clock.now()
    if request.method == "POST":
        if not request.user.is_authenticated:
            return redirect("account_login")
        draft = onboarding.start(applicant=request.user, now=now)
        return redirect("merchants:application", draft.ref)
    wallets = Wallet.objects.filter(active=True, issues=True).order_by(Lower("name"))
    return render(
        request,
        "merchants/apply.html",
        {
            "prices": onboarding.prices(day=now.date()),
            "wallets": wallets,
            "countries": len(COUNTRIES),
            "draft": access.applications_of(request.user)
            .filter(state=Application.State.DRAFT)
            .first(),
        },
    )


@login_required
def application(request: AuthenticatedRequest, ref: str) -> HttpResponse:
    """The task list of a draft; where an application stands once it was sent in."""
    found = access.application_for(request.user, ref)
    if found.state != Application.State.DRAFT:
        zone = COUNTRIES[found.country][2]
        return render(request, "merchants/tracker.html", {"application": found, "zone": zone})
    tasks = [
        {"step": step, "done": step.is_done(found), "open": step.is_open(found)}
        for step in onboarding.STEPS
    ]
    return render(
        request,
        "merchants/tasks.html",
        {
            "application": found,
            "tasks": tasks,
            "done": sum(task["done"] for task in tasks),
            "complete": all(task["done"] for task in tasks),
            "following": next(iter(onboarding.missing(found)), None),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def step(request: AuthenticatedRequest, ref: str, slug: str) -> HttpResponse:
    """One page of the application; Continue checks and saves it."""
    found = access.application_for(request.user, ref)
    if slug not in STEPS:
        raise Http404
    if found.state != Application.State.DRAFT:
        return redirect("merchants:application", ref)
    current = STEPS[slug]
    if not current.is_open(found):
        messages.info(request, _("Choose the country first: the other questions follow from it."))
        return redirect("merchants:step", ref, "country")
    words = request.GET.get("words", "").strip()[:80]
    extra = {"words": words} if slug == "sells" else {}
    asked = request.POST if request.method == "POST" else None
    form = FORMS[slug](asked, application=found, **extra)
    if form.is_valid():
        try:
            onboarding.save(found, answers=form.cleaned_data, by=request.user, now=clock.now())
        except Refused as refusal:
            messages.error(request, str(refusal))
            return redirect("merchants:application", ref)
        _name_the_bank(request, found, slug)
        return redirect(_next_page(found, current))
    return render(
        request,
        f"merchants/steps/{slug}.html",
        {
            "application": found, "step": current, "form": form, "words": words,
            "number": onboarding.STEPS.index(current) + 1, "of": len(onboarding.STEPS),
            "nothing_found": bool(words) and isinstance(form, SellsForm) and not form.found,
        },
    )  # fmt: skip


def _name_the_bank(request: HttpRequest, found: Application, slug: str) -> None:
    if slug == "bank" and (bank := identifiers.bank_name(found.iban)):
        messages.success(request, _("This account is at %(bank)s.") % {"bank": bank})


def _next_page(found: Application, current: onboarding.Step) -> str:
    """Return where Continue leads: the next open question, else the answers to read over."""
    at = onboarding.STEPS.index(current)
    for following in (*onboarding.STEPS[at + 1 :], *onboarding.STEPS[:at]):
        if not following.is_done(found):
            return reverse("merchants:step", args=[found.ref, following.slug])
    return reverse("merchants:check", args=[found.ref])


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def check(request: AuthenticatedRequest, ref: str) -> HttpResponse:
    """Read the answers over, change them, send them in."""
    found = access.application_for(request.user, ref)
    if found.state != Application.State.DRAFT:
        return redirect("merchants:application", ref)
    if request.method == "POST":
        try:
            onboarding.submit(found, by=request.user, now=clock.now())
        except Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("merchants:application", ref)
    if onboarding.missing(found):
        return redirect("merchants:application", ref)
    return render(
        request,
        "merchants/check.html",
        {
            "application": found,
            "answers": onboarding.check_answers(found),
            "price": onboarding.price(found.country, day=clock.now().date()),
        },
    )


@require_POST
@login_required
def again(request: AuthenticatedRequest, ref: str) -> HttpResponse:
    """Begin again after a rejection, with the answers given before."""
    found = access.application_for(request.user, ref)
    if found.state != Application.State.REJECTED:
        return redirect("merchants:application", ref)
    draft = onboarding.start(applicant=request.user, now=clock.now(), again=found)
    return redirect("merchants:application", draft.ref)
