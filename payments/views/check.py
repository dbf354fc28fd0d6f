"""Check a file before it is sent, put a quarantined one right, and see bytes as they came.

For finance, and for the admins of a wallet in its own feed. Who settles through a hub has no
part in the hub's feed, so a hub's file does not exist for a member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.db.models.functions import Lower
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from payments import access, checking, correcting, reasons, settlement
from payments.checking import BatchSum, Sum, Verdict
from payments.forms.check import CheckForm, CorrectedForm, too_large_inside
from payments.models import Delivery, SettlementFile
from payments.views.uploads import (
    MOST_BYTES,
    MOST_BYTES_INSIDE,
    Busy,
    one_at_a_time,
    takes_a_file,
    was_too_large,
)
from portal.core import clock
from portal.core.http import AuthenticatedRequest
from portal.core.secrets import CannotDecrypt
from portal.core.templatetags.onestile import count, money
from wallets import access as wallet_access
from wallets import formats
from wallets.models import Feed, Wallet

View = Callable[..., HttpResponseBase]

SHOWN = 20
"""Problems and batches on a page; the JSON has more."""

FILES_SHOWN = 10
SALT = "payments.check"
KEPT_SECONDS = 12 * 3600


def partners_and_finance(view: View) -> View:
    """Let in whoever sees settled money at all; for others who signed in there is no page."""

    @wraps(view)
    def gated(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not access.sees_any(request.user):
            raise Http404
        return view(request, *args, **kwargs)

    return login_required(gated)


# --- the check


@require_http_methods(["GET", "POST"])
@partners_and_finance
@takes_a_file
def check(request: AuthenticatedRequest) -> HttpResponse:
    """Take one file, and say what the portal would make of it. Nothing is stored."""
    feeds = (
        wallet_access.feeds_of(request.user)
        .select_related("wallet", "mapping")
        .order_by(Lower("wallet__name"))
    )
    asked = request.POST.get("feed", "") or request.GET.get("feed", "")
    # Neither names of feeds nor their layouts are told to whom they are none of.
    if asked and not feeds.filter(code=asked).exists():
        raise Http404
    verdicts: list[Verdict] = []
    status = 200
    if request.method == "POST":
        form = CheckForm(
            request.POST, request.FILES, feeds=feeds, most_bytes=MOST_BYTES,
            was_too_large=was_too_large(request),
        )  # fmt: skip
        if form.is_valid():
            try:
                verdicts = _checked(request, form.cleaned_data["feed"], form.cleaned_data["file"])
            except Busy as busy:
                form.add_error(None, str(busy))
                status = 429
            except checking.TooLargeHere:
                form.add_error("file", too_large_inside())
                status = 422
        else:
            status = 422
    else:
        form = CheckForm(initial={"feed": asked}, feeds=feeds, most_bytes=MOST_BYTES)
    waiting = correcting.not_yet_right(access.files_of(request.user)).select_related("feed__wallet")
    return render(
        request,
        "payments/check.html",
        {
            "form": form,
            "feeds": feeds,
            "results": [shown(verdict) for verdict in verdicts],
            "token": _signed(request, verdicts) if verdicts else "",
            "waiting": waiting.order_by("-pk")[:FILES_SHOWN],
            "most_bytes": MOST_BYTES,
            "is_accepted": all(verdict.is_accepted for verdict in verdicts),
        },
        status=status,
    )


def _checked(
    request: AuthenticatedRequest, feed: Feed, upload: Any, *, name: str = ""
) -> list[Verdict]:
    """Return the verdicts on an uploaded file, as far as the person may know."""
    own = None
    if not access.sees_all(request.user):
        own = list(wallet_access.wallets_of(request.user).values_list("code", flat=True))
    with one_at_a_time(request.user):
        path = Path(upload.temporary_file_path())
        return checking.check_all(
            feed=feed, path=path, name=name or upload.name, own_wallets=own, folder=path.parent,
            most_bytes=MOST_BYTES_INSIDE,
        )  # fmt: skip


def _signed(request: AuthenticatedRequest, verdicts: list[Verdict]) -> str:
    """Return the verdict as a field of the page, so that the portal need not keep it."""
    kept = {"by": request.user.pk, "verdict": checking.as_data(verdicts)}
    return signing.dumps(kept, salt=SALT, compress=True)


@require_POST
@partners_and_finance
def check_json(request: AuthenticatedRequest) -> HttpResponse:
    """Give back as JSON the verdict that the page had; ours, and the same person's."""
    try:
        kept = signing.loads(request.POST.get("verdict", ""), salt=SALT, max_age=KEPT_SECONDS)
    except signing.BadSignature:
        kept = {}
    if kept.get("by") != request.user.pk:
        messages.error(request, _("This verdict is too old. Check the file again."))
        return redirect("payments:check")
    verdict = kept["verdict"]
    answer = HttpResponse(checking.as_json(verdict), content_type="application/json; charset=utf-8")
    name = verdict["files"][0]["file"]["name"]
    return _as_attachment(answer, f"{name}.verdict.json")


def _as_attachment(answer: HttpResponse, name: str) -> HttpResponse:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    answer["Content-Disposition"] = f'attachment; filename="{plain}"'
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "no-store"
    return answer


# --- a verdict in words


@dataclass(frozen=True)
class Figure:
    """A sum as it was found, and as it was declared where that is another."""

    found: str
    declared: str = ""


@dataclass(frozen=True)
class Row:
    """A batch or a currency of a verdict. ``agrees``: None where nothing could be compared."""

    title: str
    wallet: str
    value_date: Any
    figures: list[Figure]
    agrees: bool | None


def shown(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as its template shows it: words, capped lists, amounts in the locale."""
    told = [
        (problem, reasons.reason(problem.code), verdict.raw.get(problem.line_no))
        for problem in verdict.problems
    ]
    errors = [one for one in told if one[0].is_error]
    warnings = [one for one in told if not one[0].is_error]
    return {
        "verdict": verdict,
        "title": formats.title(verdict.layout),
        "kinds": [
            ("errors", errors[:SHOWN], verdict.errors),
            ("warnings", warnings[:SHOWN], verdict.warnings),
        ],
        "currencies": [_currency_row(code, total, verdict) for code, total in verdict.sums.items()],
        "batches": [_batch_row(batch, verdict) for batch in verdict.batches[:SHOWN]],
        "names": dict(Wallet.objects.values_list("code", "name")),
    }


def _batch_row(batch: BatchSum, verdict: Verdict) -> Row:
    is_declared = any(figure is not None for figure in batch.declared)
    found = batch.declared if verdict.is_summary else batch.found
    return Row(
        batch.ref, batch.wallet, batch.value_date,
        _figures(batch.currency, found, batch.declared, batch.differs),
        not batch.differs if verdict.is_compared and is_declared else None,
    )  # fmt: skip


def _currency_row(currency: str, total: Sum, verdict: Verdict) -> Row:
    found = (total.lines, total.gross_minor, total.fee_minor, total.net_minor)
    row = _figures(currency, found, (None,) * 4, [])
    other = f" ({count(total.others)})" if total.others else ""
    return Row(
        currency, "", None, [*row, Figure(money(total.other_minor, currency) + other)],
        not total.differs if verdict.is_compared and total.declared else None,
    )  # fmt: skip


def _figures(
    currency: str, found: Iterable[int | None], declared: Iterable[int | None], differs: list[str]
) -> list[Figure]:
    figures = []
    for word, real, stated in zip(checking.FIGURES, found, declared, strict=True):
        texts = [
            count(number) if word == "count" else money(number, currency)  # type: ignore[arg-type]
            for number in (real, stated)
        ]
        figures.append(Figure(texts[0], texts[1] if word in differs else ""))
    return figures


# --- a file that was received


@require_GET
@partners_and_finance
def file(request: AuthenticatedRequest, file_id: int) -> HttpResponse:
    """Show a wallet's own file to its admins; finance has a page with all of it."""
    found = access.file_for(request.user, file_id)
    if access.sees_all(request.user):
        return redirect("payments:night_file", found.pk)
    return _file_page(request, found)


def _file_page(
    request: AuthenticatedRequest,
    of: SettlementFile,
    form: CorrectedForm | None = None,
    verdicts: Iterable[Verdict] = (),
    status: int = 200,
) -> HttpResponse:
    context = {
        "file": of,
        "sees_all": access.sees_all(request.user),
        "versions": SettlementFile.objects.filter(feed=of.feed_id, identity=of.identity).order_by(
            "-version"
        ),
        "deliveries": of.deliveries.order_by("pk"),
        "results": [shown(verdict) for verdict in verdicts],
        **put_right(of, form),
    }
    return render(request, "payments/check_file.html", context, status=status)


def put_right(of: SettlementFile, form: CorrectedForm | None = None) -> dict[str, Any]:
    """Return what the part of a file's page needs that puts it right."""
    can_read_again = settlement.can_read_again(of)
    if of.state != SettlementFile.State.QUARANTINED:
        return {"can_read_again": can_read_again}
    if form is None:
        form = CorrectedForm(most_bytes=MOST_BYTES)
        del form.fields["anyway"]
    versions = SettlementFile.objects.filter(feed=of.feed_id, identity=of.identity)
    return {
        "can_read_again": can_read_again,
        "advice": correcting.advice(of),
        "corrected": form,
        "newer": versions.filter(version__gt=of.version).order_by("-version").first(),
    }


@require_http_methods(["GET", "POST"])
@partners_and_finance
@takes_a_file
def corrected(request: AuthenticatedRequest, file_id: int) -> HttpResponse:
    """Take in the file that is to replace a quarantined one, if it would be read."""
    wrong = access.file_for(request.user, file_id)
    if request.method == "GET":
        return redirect("payments:file", wrong.pk)
    if wrong.state != SettlementFile.State.QUARANTINED:
        messages.info(request, _("This file is not in quarantine, so nothing was taken in."))
        return redirect("payments:file", wrong.pk)
    form = CorrectedForm(
        request.POST, request.FILES, most_bytes=MOST_BYTES, was_too_large=was_too_large(request)
    )
    verdicts: list[Verdict] = []
    status = 422
    if form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            name = correcting.name_beside(wrong, upload.name)
            verdicts = _checked(request, wrong.feed, upload, name=name)
            delivery = correcting.send(
                wrong, path=Path(upload.temporary_file_path()), name=name,
                verdicts=verdicts, by=request.user, now=clock.now(),
                anyway=form.cleaned_data["anyway"],
            )  # fmt: skip
        except Busy as busy:
            form.add_error(None, str(busy))
            status = 429
        except checking.TooLargeHere:
            form.add_error("file", too_large_inside())
        except correcting.NotSent as refusal:
            form.add_error("file", str(refusal))
            if not isinstance(refusal, correcting.StillWrong):
                verdicts = []
        else:
            return _taken(request, wrong, delivery)
    if not verdicts:
        # Only who has seen what is wrong can mean it.
        del form.fields["anyway"]
    return _file_page(request, wrong, form, verdicts, status)


def _taken(request: HttpRequest, wrong: SettlementFile, delivery: Delivery) -> HttpResponseRedirect:
    """Say what the corrected file turned out to be, on the page where it is being read."""
    came = delivery.file
    if came.identity == wrong.identity:
        messages.success(
            request,
            _("Thank you. This is version %(version)s of the file, and it is being read.")
            % {"version": came.version},
        )
    else:
        messages.warning(
            request,
            _(
                "This is another file, %(identity)s, and it is being read. %(name)s is still in "
                "quarantine."
            )
            % {"identity": came.identity, "name": wrong.name},
        )
    return redirect("payments:file", came.pk)


@require_POST
@partners_and_finance
def read_again(request: AuthenticatedRequest, file_id: int) -> HttpResponseRedirect:
    """Have a file read once more from its bytes, for finance, after its cause was mended."""
    if not access.sees_all(request.user):
        raise Http404
    of = access.file_for(request.user, file_id)
    try:
        found = settlement.read_again(of, by=request.user, now=clock.now())
    except (settlement.CannotReadAgain, CannotDecrypt) as refusal:
        messages.error(request, str(refusal))
    except settlement.Refused as refusal:
        messages.error(
            request, _("The cause is still there: %(text)s") % {"text": refusal.problem.text}
        )
    else:
        messages.success(request, _("The file is being read again."))
        return redirect("payments:file", found[0].pk)
    return redirect("payments:file", of.pk)


# --- bytes as they came


@require_GET
@partners_and_finance
def file_bytes(request: AuthenticatedRequest, file_id: int) -> HttpResponseBase:
    """Hand out the bytes that were read."""
    return _download(request, access.file_for(request.user, file_id), None)


@require_GET
@partners_and_finance
def delivery_bytes(request: AuthenticatedRequest, delivery_id: int) -> HttpResponseBase:
    """Hand out the bytes of a delivery as they came: still packed, still encrypted."""
    delivery = get_object_or_404(
        Delivery.objects.select_related("file__feed__wallet"),
        pk=delivery_id,
        file__in=access.files_of(request.user),
    )
    return _download(request, delivery.file, delivery)


def _download(
    request: AuthenticatedRequest, of: SettlementFile, delivery: Delivery | None
) -> HttpResponseBase:
    try:
        path = correcting.download(of, by=request.user, now=clock.now(), delivery=delivery)
    except FileNotFoundError:
        messages.error(
            request,
            _(
                "The bytes of this file are no longer in the portal's data folder. Ask its "
                "operators to restore them from the backup."
            ),
        )
        return redirect("payments:file", of.pk)
    answer = FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=delivery.name if delivery else of.name,
        content_type="application/octet-stream",
    )
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "no-store"
    return answer
