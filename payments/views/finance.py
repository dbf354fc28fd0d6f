"""The pages of the finance clerks: the nights, one file, one break."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from payments import breaks, due, exports, numbering, queries, settlement
from payments.forms.breaks import EndBreakForm
from payments.models import Break, Run, SettlementFile
from payments.queries import OUTCOME_WORDS, OUTCOMES
from payments.views.check import put_right
from portal.core import clock
from portal.core.http import AuthenticatedRequest
from wallets.formats.statement import Line
from wallets.models import Wallet

View = Callable[..., HttpResponseBase]


def finance_only(view: View) -> View:
    """Let finance clerks in; to everybody else who has signed in the page does not exist."""

    @wraps(view)
    def gated(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_finance:  # type: ignore[union-attr]
            raise Http404
        return view(request, *args, **kwargs)

    return login_required(gated)


@require_GET
@finance_only
def nights(request: HttpRequest) -> HttpResponse:
    """Show the calendar of due files, the roll-forward, and the files page by page."""
    now = clock.now()
    before = request.GET.get("before")
    page = queries.nights(before=before)
    context: dict[str, Any] = {"page": page, "rows": queries.night_rows(page.rows), "now": now}
    if not before:
        calendar = due.calendar(now=now)
        context["calendar"] = calendar
        context["absent"] = calendar.in_state(due.Night.ABSENT)
        context["quarantined"] = calendar.in_state(due.Night.QUARANTINED)
        context["out_of_reach"] = [feed for feed in calendar.feeds if feed.failing_since]
        context["missing"], context["twice"] = numbering.oddities(calendar.feeds, now=now)
        rolls = queries.roll_forward()
        context["rolls_open"] = [r for r in rolls if r.closing["count"] or not r.adds_up]
        context["rolls_rest"] = [r for r in rolls if not r.closing["count"] and r.adds_up]
        context["names"] = {feed.wallet.code: feed.wallet.name for feed in calendar.feeds}
    return render(request, "payments/nights.html", context)


@require_GET
@finance_only
def night_file(request: HttpRequest, file_id: int) -> HttpResponse:
    """Show one file: totals, outcomes, breaks, deliveries, versions, and any line of it."""
    file = get_object_or_404(SettlementFile.objects.select_related("feed__wallet"), pk=file_id)
    run = _run_of(file)
    found = queries.breaks_in(file, run)
    counts = queries.count_by_state(found)
    chosen = request.GET.get("outcome", "")
    state = request.GET.get("state", "")
    totals = queries.totals_of(run)
    batches = list(file.batches.order_by("pk"))
    return render(
        request,
        "payments/night_file.html",
        {
            "file": file,
            "run": run,
            "batches": batches,
            "totals": totals,
            "tiles": _tiles(run),
            "shares": _shares(run),
            "rolls": queries.roll_of(run, file.feed) if run else [],
            "counts": counts,
            "chosen": chosen if chosen in OUTCOMES else "",
            "chosen_words": OUTCOME_WORDS.get(chosen, ""),
            "state": state if state in Break.State.values else "",
            "states": Break.State.choices,
            "page": queries.page_of_breaks(
                found, outcome=chosen, state=state, after=request.GET.get("after")
            ),
            "deliveries": file.deliveries.order_by("pk"),
            "versions": SettlementFile.objects.filter(
                feed=file.feed_id, identity=file.identity
            ).order_by("-version"),
            "names": dict(Wallet.objects.values_list("code", "name")),
            **put_right(file),
            "shown_line": _shown_line(file, request.GET.get("line", "")),
        },
    )


def _run_of(file: SettlementFile) -> Run | None:
    """Return the run that counts, or the one that counted until a later version came."""
    runs = {run.state: run for run in file.runs.exclude(state=Run.State.WRITING).order_by("pk")}
    return runs.get(Run.State.DONE) or runs.get(Run.State.REVERSED)


def _tiles(run: Run | None) -> list[tuple[str, str, int, str]]:
    """Return (outcome, its words, how many, tone) for every outcome of a run."""
    outcomes = run.outcomes if run else {}
    return [
        (
            outcome, str(OUTCOME_WORDS[outcome]), outcomes.get(outcome, 0),
            "good" if outcome == "matched" else "" if outcome == "not_a_payment" else "warn",
        )
        for outcome in OUTCOMES
        if outcomes.get(outcome) or outcome == "matched"
    ]  # fmt: skip


def _shares(run: Run | None) -> list[tuple[str, int, int]]:
    """Return (tone, start, width) per mille of what matched, what broke and what is neither.

    A part that is not empty is never drawn thinner than it can be seen.
    """
    outcomes = run.outcomes if run else {}
    matched, other = outcomes.get("matched", 0), outcomes.get("not_a_payment", 0)
    broken = sum(outcomes.values()) - matched - other
    total = matched + other + broken
    if not total:
        return []
    thin = {
        tone: max(1_000 * number // total, 8) if number else 0
        for tone, number in (("bad", broken), ("calm", other))
    }
    start = 1_000 - sum(thin.values())
    parts = [("good", 0, start)]
    for tone, width in thin.items():
        parts.append((tone, start, width))
        start += width
    return [part for part in parts if part[2] > 0]


def _shown_line(file: SettlementFile, asked: str) -> dict[str, Any] | None:
    """Return the line somebody asked to see, with its number, or None when nobody did."""
    if not (asked.isascii() and asked.isdigit()):
        return None
    number = int(asked[:12])
    try:
        text = settlement.raw_line(file, number)
    except OSError:
        text = ""
    return {"number": number, "text": text}


@require_GET
@finance_only
def csv(request: HttpRequest, file_id: int) -> FileResponse | HttpResponseRedirect:
    """Stream the CSV of a reconciled file, or say on its page why there is none."""
    file = get_object_or_404(SettlementFile, pk=file_id)
    run = get_object_or_404(Run.objects.select_related("file"), file=file, state=Run.State.DONE)
    try:
        opened = exports.open_csv(run)
    except exports.CannotMakeAgain:
        messages.error(
            request,
            _(
                "The CSV and the bytes it was made of are no longer in the portal's data folder. "
                "Ask its operators to restore them from the backup."
            ),
        )
        return redirect("payments:night_file", file.pk)
    return FileResponse(
        opened,
        as_attachment=True,
        filename=f"{file.name}.csv",
        content_type="text/csv; charset=utf-8",
    )


@require_http_methods(["GET", "POST"])
@finance_only
def break_(request: AuthenticatedRequest, break_id: int) -> HttpResponse:
    """Show both sides of a break; close it or write it off with a note."""
    found = get_object_or_404(
        Break.objects.exclude(run__state=Run.State.WRITING).select_related(
            "feed__wallet", "file", "entry__location", "closed_by", "closed_by_run__file"
        ),
        pk=break_id,
    )
    form = EndBreakForm(request.POST if request.method == "POST" else None)
    line = Line(*found.line) if len(found.line) == len(Line._fields) else None
    may_write_off = found.outcome == Break.Outcome.MISSING_IN_SETTLEMENT
    if request.method == "POST" and form.is_valid():
        end = breaks.write_off if request.POST.get("act") == "write_off" else breaks.close
        try:
            end(found, by=request.user, note=form.cleaned_data["note"], now=clock.now())
        except breaks.CannotClose as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The break is ended, and your note is kept with it."))
            if found.file_id:
                return redirect("payments:night_file", file_id=found.file_id)
            return redirect("payments:nights")
    return render(
        request,
        "payments/break.html",
        {
            "break": found,
            "form": form,
            "line": line,
            "line_at": datetime.fromisoformat(line.occurred_at)
            if line and line.occurred_at
            else None,
            "may_write_off": may_write_off,
            "settled_by": queries.settled_by(found),
            "names": dict(Wallet.objects.values_list("code", "name")),
        },
        status=200 if not form.errors else 422,
    )
