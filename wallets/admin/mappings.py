"""Mappings in the back office: a partner's own file described, tried on a sample, switched on.

Superusers write; whoever looks after the wallet sees its mappings and may try a sample.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from portal.core.admin import ScopedAdmin
from portal.core.models import User
from wallets import access, mappings
from wallets.admin import described
from wallets.formats import description as said
from wallets.formats import guess
from wallets.formats.statement import Unreadable
from wallets.mappings import CannotDo
from wallets.models import Feed, Mapping, Wallet


class NewMappingForm(forms.Form):
    """Whose file it is, what to call its mapping, and a sample to begin from."""

    wallet = forms.ModelChoiceField(
        label=Mapping._meta.get_field("wallet").verbose_name,
        queryset=Wallet.objects.order_by("name"),
    )
    name = forms.CharField(
        label=Mapping._meta.get_field("name").verbose_name,
        max_length=80,
        help_text=gettext_lazy("Such as “Daily CSV”. Its versions share the name."),
    )
    sample = forms.FileField(
        label=gettext_lazy("Sample"),
        required=False,
        help_text=gettext_lazy(
            "A file as the partner sends it, up to 20 MB. Encoding, columns, marks and dates are "
            "guessed from it into the draft, for you to confirm. It is not kept."
        ),
    )

    def clean_sample(self) -> UploadedFile | None:
        sample: UploadedFile | None = self.cleaned_data["sample"]
        return _of_size(sample) if sample else None


class SampleForm(forms.Form):
    """A file to try a mapping on."""

    sample = forms.FileField(
        label=gettext_lazy("Sample"),
        help_text=gettext_lazy("A file as the partner sends it, with its own name, up to 20 MB."),
        error_messages={"required": gettext_lazy("Choose a file first.")},
    )

    def clean_sample(self) -> UploadedFile:
        return _of_size(self.cleaned_data["sample"])


def _of_size(sample: UploadedFile) -> UploadedFile:
    if (sample.size or 0) > mappings.LARGEST_SAMPLE:
        raise forms.ValidationError(_("The file is larger than 20 MB; cut a shorter one."))
    return sample


@contextmanager
def _on_disk(sample: UploadedFile) -> Iterator[Path]:
    """Lay an upload down as a file for as long as it is looked at."""
    with TemporaryDirectory() as folder:
        laid = Path(folder) / "sample"
        with laid.open("wb") as file:
            for piece in sample.chunks():
                file.write(piece)
        yield laid


def _person(request: HttpRequest) -> User:
    """Return who is signed in; the back office lets nobody else in."""
    assert isinstance(request.user, User)  # noqa: S101  (tells the type checker)
    return request.user


@admin.register(Mapping)
class MappingAdmin(ScopedAdmin):
    list_display = ("__str__", "wallet_name", "state", "sample_name", "tried_at", "switched_on_at")
    list_filter = ("state",)

    def rows(self, request: HttpRequest) -> QuerySet[Mapping]:
        return Mapping.objects.filter(wallet__in=access.wallets_of(request.user)).select_related(
            "wallet", "created_by", "switched_on_by"
        )

    def is_open_to(self, request: HttpRequest) -> bool:
        return request.user.is_superuser or access.wallets_of(request.user).exists()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    @admin.display(description=Mapping._meta.get_field("wallet").verbose_name)
    def wallet_name(self, mapping: Mapping) -> str:
        return mapping.wallet.name

    def get_urls(self) -> list[URLPattern]:
        acts: tuple[tuple[str, Callable[..., HttpResponse]], ...] = (
            ("try", self.try_view), ("switch-on", self.switch_on_view),
            ("switch-off", self.switch_off_view), ("new-version", self.new_version_view),
        )  # fmt: skip
        own = [
            path(
                f"<int:mapping_id>/{name}/", self.admin_site.admin_view(require_POST(view)),
                name=f"wallets_mapping_{name.replace('-', '_')}",
            )
            for name, view in acts
        ]  # fmt: skip
        return own + super().get_urls()

    # --- a new one

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self._row_or_404(request, None)
        if not self.has_add_permission(request):
            raise Http404(_("There is no such page."))
        form = NewMappingForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            answers = form.cleaned_data
            notes: list[str] = []
            description: dict[str, Any] = {"file": {"kind": said.DELIMITED}}
            try:
                if answers["sample"]:
                    with _on_disk(answers["sample"]) as laid:
                        description, notes = guess.guess(laid, answers["sample"].name or "")
                mapping = mappings.draft(
                    wallet=answers["wallet"], name=answers["name"], description=description,
                    by=_person(request), now=timezone.now(),
                )  # fmt: skip
            except Unreadable as error:
                form.add_error("sample", error.problem.text)
            except CannotDo as error:
                form.add_error("name", str(error))
            else:
                if answers["sample"]:
                    messages.warning(
                        request, _("This is a guess from your sample. Confirm every answer.")
                    )
                for note in notes:
                    messages.warning(request, note)
                return self._to(mapping)
        return self._page(request, "add", {"form": form, "title": _("Describe a partner's file")})

    # --- one version

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self._row_or_404(request, object_id)
        mapping = self._mapping(request, object_id)
        if request.method != "POST":
            return self._show(request, mapping)
        self._must_write(request)
        form = described.DescriptionForm(mapping.description, request.POST)
        if not form.is_valid():
            return self._show(request, mapping, form=form)
        try:
            mappings.change(
                mapping, description=form.description(), by=_person(request), now=timezone.now()
            )
        except CannotDo as error:
            messages.error(request, str(error))
            return self._to(mapping)
        if described.problems_of(mapping.description):
            messages.warning(request, _("Saved. Some answers are still missing, see below."))
        else:
            messages.success(request, _("Saved. Now try it on a sample."))
        return self._to(mapping)

    def try_view(self, request: HttpRequest, mapping_id: int) -> HttpResponse:
        mapping = self._mapping(request, mapping_id)
        form = SampleForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._show(request, mapping, sample_form=form)
        sample = form.cleaned_data["sample"]
        try:
            with _on_disk(sample) as laid:
                trial = mappings.try_out(
                    mapping, name=sample.name, path=laid, by=_person(request), now=timezone.now()
                )
        except CannotDo as error:
            messages.error(request, str(error))
            return self._to(mapping)
        return self._show(request, mapping, trial=trial, sample=sample.name)

    def switch_on_view(self, request: HttpRequest, mapping_id: int) -> HttpResponse:
        return self._act(
            request, mapping_id, mappings.switch_on, "switch_on",
            title=_("Read the partner's files by this version?"),
            done=_("%(mapping)s is in use. The next file of the feed is read by it."),
        )  # fmt: skip

    def switch_off_view(self, request: HttpRequest, mapping_id: int) -> HttpResponse:
        return self._act(
            request, mapping_id, mappings.switch_off, "switch_off",
            title=_("Stop reading the partner's files?"),
            done=_("%(mapping)s is no longer in use."),
        )  # fmt: skip

    def _act(
        self, request: HttpRequest, mapping_id: int, act: Callable[..., None], name: str, *,
        title: str, done: str,
    ) -> HttpResponse:  # fmt: skip
        """Ask once more, then do what changes how files are read by night."""
        mapping = self._mapping(request, mapping_id)
        self._must_write(request)
        feed = Feed.objects.filter(wallet=mapping.wallet).select_related("mapping").first()
        if request.POST.get("confirm") != "yes":
            instead = Mapping.objects.filter(wallet=mapping.wallet, state=Mapping.State.ON)
            context = {
                "mapping": mapping, "feed": feed, "title": title, "act": name,
                "act_url": reverse(f"admin:wallets_mapping_{name}", args=[mapping.pk]),
                "instead": instead.exclude(pk=mapping.pk),
            }  # fmt: skip
            return self._page(request, "confirm", context)
        try:
            act(mapping, by=_person(request), now=timezone.now())
        except CannotDo as error:
            messages.error(request, str(error))
        else:
            messages.success(request, done % {"mapping": mapping})
        return self._to(mapping)

    def new_version_view(self, request: HttpRequest, mapping_id: int) -> HttpResponse:
        mapping = self._mapping(request, mapping_id)
        self._must_write(request)
        try:
            made = mappings.new_version(mapping, by=_person(request), now=timezone.now())
        except CannotDo as error:
            messages.error(request, str(error))
            return self._to(mapping)
        messages.success(request, _("A draft. What is in use stays until you switch this one on."))
        return self._to(made)

    # --- pages

    def _mapping(self, request: HttpRequest, mapping_id: int | str) -> Mapping:
        mapping = self.get_object(request, str(mapping_id))
        if mapping is None:
            raise Http404(_("There is no such page."))
        return mapping

    def _must_write(self, request: HttpRequest) -> None:
        if not self.has_change_permission(request):
            raise PermissionDenied

    def _to(self, mapping: Mapping) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:wallets_mapping_change", args=[mapping.pk]))

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/wallets/mapping/{name}.html", context)

    def _show(
        self, request: HttpRequest, mapping: Mapping, *, form: Any = None, sample_form: Any = None,
        trial: mappings.Trial | None = None, sample: str = "",
    ) -> HttpResponse:  # fmt: skip
        writes = self.has_change_permission(request)
        is_draft = mapping.state == Mapping.State.DRAFT
        if writes and is_draft and form is None:
            form = described.DescriptionForm(mapping.description)
        versions = self.rows(request).filter(wallet=mapping.wallet, name=mapping.name)
        raw = trial.raw if trial else {}
        verdict = trial.verdict if trial else mapping.trial
        context = {
            "mapping": mapping, "title": str(mapping), "writes": writes, "is_draft": is_draft,
            "form": form, "sections": list(form.sections()) if form else [],
            "lacks": described.problems_of(mapping.description) if is_draft else {},
            "shown": described.shown(mapping.description),
            "as_json": json.dumps(mapping.description, indent=2, ensure_ascii=False),
            "sample_form": sample_form or SampleForm(),
            "verdict": verdict,
            "errors": [(one, raw.get(one["line"], "")) for one in verdict.get("errors", [])],
            "tried_on": sample or mapping.sample_name, "trial": trial,
            "lines": [(line, raw.get(line.no, "")) for line in trial.lines] if trial else [],
            "ready": mappings.can_be_switched_on(mapping),
            "versions": versions.order_by("-version"),
            "feed": Feed.objects.filter(wallet=mapping.wallet).first(),
        }  # fmt: skip
        return self._page(request, "change_form", context)
