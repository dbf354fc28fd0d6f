"""From an application to a shop that takes payments: start, save, submit, approve, reject."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from merchants import enrolment, identifiers, locations, qr, stickers
from merchants.models import Application, Merchant, MerchantMembership, Sticker
from merchants.refusals import Refused
from portal.core import audit
from portal.core.models import User
from wallets import tariffs
from wallets.models import COUNTRIES, Wallet


class Incomplete(Refused):
    """An application that lacks answers; ``steps`` names the pages that need one."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__(
            _("Some answers are missing: %(pages)s.")
            % {"pages": ", ".join(str(step.title) for step in steps)}
        )
        self.steps = steps


class AlreadyDecided(Refused):
    """Somebody else was quicker; what they decided stands."""


@dataclass(frozen=True)
class Step:
    """One page of the application: its place in the address, its name, what it asks."""

    slug: str
    title: Any
    fields: tuple[str, ...]

    def is_done(self, application: Application) -> bool:
        if self.slug == "business" and not (
            application.vat_number or application.has_no_vat_number
        ):
            return False
        optional = {"vat_number", "has_no_vat_number"}
        return all(getattr(application, name) for name in self.fields if name not in optional)

    def is_open(self, application: Application) -> bool:
        """Everything but the first page depends on the country."""
        return self.slug == "country" or bool(application.country)


STEPS = (
    Step("country", gettext_lazy("Country"), ("country",)),
    Step(
        "business", gettext_lazy("Your business"),
        ("legal_form", "legal_name", "company_number", "vat_number", "has_no_vat_number"),
    ),
    Step("bank", gettext_lazy("Bank account"), ("iban",)),
    Step("sells", gettext_lazy("What you sell"), ("mcc",)),
    Step(
        "shop", gettext_lazy("Your first shop"), ("location_name", "street", "postcode", "city")
    ),
)  # fmt: skip
ANSWERS = tuple(name for step in STEPS for name in step.fields)
FOLLOWS_COUNTRY = ("legal_form", "company_number", "vat_number", "postcode")


def _new_ref(prefix: str, length: int = 10) -> str:
    return prefix + "".join(secrets.choice(qr.ALPHABET) for _place in range(length))


def missing(application: Application) -> list[Step]:
    """Return the steps that still need an answer."""
    return [step for step in STEPS if not step.is_done(application)]


@transaction.atomic
def start(*, applicant: User, now: datetime, again: Application | None = None) -> Application:
    """Return the applicant's draft, made now if there is none.

    ``again`` is a rejected application of hers whose answers the new draft begins with.
    """
    fields: dict[str, Any] = {"ref": _new_ref("A", 8), "created_at": now}
    if again is not None:
        fields |= {name: getattr(again, name) for name in ANSWERS}
    draft, made = Application.objects.get_or_create(
        applicant=applicant, state=Application.State.DRAFT, defaults=fields
    )
    if made:
        audit.record(
            "merchants.application.started", draft, by=applicant, at=now,
            **({"again": again.ref} if again else {}),
        )  # fmt: skip
    return draft


@transaction.atomic
def save(application: Application, *, answers: dict[str, Any], by: User, now: datetime) -> None:
    """Keep checked answers of a draft. Another country empties what depends on it."""
    if "country" in answers and answers["country"] != application.country:
        answers = {**dict.fromkeys(FOLLOWS_COUNTRY, ""), "has_no_vat_number": False, **answers}
    saved = Application.objects.filter(pk=application.pk, state=Application.State.DRAFT).update(
        **answers
    )
    if not saved:
        raise AlreadyDecided(_("This application was sent in and cannot be changed any more."))
    for name, value in answers.items():
        setattr(application, name, value)
    audit.record("merchants.application.saved", application, by=by, at=now, fields=sorted(answers))


@transaction.atomic
def submit(application: Application, *, by: User, now: datetime) -> None:
    """Hand a complete draft to the reviewers. Raises Incomplete or AlreadyDecided."""
    application.refresh_from_db()
    if application.state == Application.State.DRAFT and (steps := missing(application)):
        raise Incomplete(steps)
    sent = Application.objects.filter(pk=application.pk, state=Application.State.DRAFT).update(
        state=Application.State.SUBMITTED, submitted_at=now
    )
    if not sent:
        raise AlreadyDecided(_("This application was sent in already."))
    application.refresh_from_db()
    audit.record("merchants.application.submitted", application, by=by, at=now)
    _mail(application, "received")


def acquirer_for(country: str) -> Wallet:
    """Return the wallet that contracts merchants of a country.

    That is the one at home there, a member before a hub; else the first hub that acquires.
    """
    acquiring = Wallet.objects.filter(active=True, acquires=True).order_by("is_hub", "code")
    found = acquiring.filter(home_country=country).first() or acquiring.filter(is_hub=True).first()
    if found is None:
        raise Refused(_("No partner contracts merchants in this country yet."))
    return found


@transaction.atomic
def approve(application: Application, *, by: User, now: datetime) -> Merchant:
    """Make merchant, owner, shop, enrolments and sticker of a submitted application.

    Raises AlreadyDecided when it is not waiting any more, and Refused when the company is a
    merchant already; then nothing changed.
    """
    asked = (
        Application.objects.select_for_update().select_related("applicant").get(pk=application.pk)
    )
    if asked.state != Application.State.SUBMITTED:
        raise _not_waiting(asked)
    merchant = _sign_up(asked, now=now)
    MerchantMembership.objects.create(
        merchant=merchant, user=asked.applicant, role=MerchantMembership.Role.OWNER
    )
    audit.record("merchants.merchant.signed_up", merchant, by=by, at=now, application=asked.ref)
    add_shop(
        merchant, name=asked.location_name, street=asked.street, postcode=asked.postcode,
        city=asked.city, country=asked.country, by=by, now=now,
    )  # fmt: skip
    _decide(application, Application.State.APPROVED, by=by, now=now, merchant=merchant)
    return merchant


@transaction.atomic
def add_shop(
    merchant: Merchant,
    *,
    name: str,
    street: str,
    postcode: str,
    city: str,
    country: str,
    by: User,
    now: datetime,
) -> Sticker:
    """Open a shop, enrol it at every covering wallet, and return its first sticker."""
    location = locations.open_location(
        merchant=merchant, name=name, street=street, postcode=postcode, city=city,
        country=country, mcc=merchant.mcc, by=by, now=now,
    )  # fmt: skip
    enrolment.enrol(location, by=by, now=now)
    return stickers.issue(location, by=by, now=now)


@transaction.atomic
def reject(application: Application, *, by: User, reason: str, now: datetime) -> None:
    """Turn a submitted application down and say why. Raises AlreadyDecided or Refused."""
    reason = reason.strip()
    if not reason:
        raise Refused(_("Give a reason: the applicant reads it and can put it right."))
    _decide(application, Application.State.REJECTED, by=by, now=now, decision_reason=reason)


def _sign_up(asked: Application, *, now: datetime) -> Merchant:
    acquirer = acquirer_for(asked.country)
    try:
        with transaction.atomic():
            return Merchant.objects.create(
                ref=_new_ref("mer_").lower(), legal_name=asked.legal_name,
                country=asked.country, legal_form=asked.legal_form,
                company_number=asked.company_number, vat_number=asked.vat_number,
                iban=asked.iban, mcc=asked.mcc, acquirer=acquirer, created_at=now,
            )  # fmt: skip
    except IntegrityError:
        known = (
            Merchant.objects.exclude(state=Merchant.State.CLOSED)
            .filter(country=asked.country, company_number=asked.company_number)
            .first()
        )
        if known is None:
            raise
        raise Refused(
            _(
                "%(merchant)s has this company number already. Reject the application and ask "
                "the applicant to have a shop added there."
            )
            % {"merchant": known}
        ) from None


def _not_waiting(application: Application) -> AlreadyDecided:
    who = application.decided_by.email if application.decided_by else _("nobody")
    return AlreadyDecided(
        _("This application is not waiting: it is %(state)s, decided by %(who)s.")
        % {"state": application.get_state_display(), "who": who}
    )


def _decide(
    application: Application, to: Application.State, *, by: User, now: datetime, **fields: Any
) -> None:
    decided = Application.objects.filter(
        pk=application.pk, state=Application.State.SUBMITTED
    ).update(state=to, decided_at=now, decided_by=by, **fields)
    application.refresh_from_db()
    if not decided:
        raise _not_waiting(application)
    reason = {"reason": application.decision_reason} if application.decision_reason else {}
    audit.record(f"merchants.application.{to}", application, by=by, at=now, **reason)
    _mail(application, str(to))


def _mail(application: Application, what: str) -> None:
    """Write to the applicant once the act stands; a mail that fails never undoes it."""
    context = {
        "application": application,
        "link": settings.SITE_URL + reverse("merchants:application", args=[application.ref]),
        "shop_link": settings.SITE_URL + reverse("merchants:home"),
    }
    subject = " ".join(render_to_string(f"merchants/mail/{what}_subject.txt", context).split())
    body = render_to_string(f"merchants/mail/{what}.txt", context)
    to = application.applicant.email
    transaction.on_commit(lambda: _send(subject, body, to), robust=True)


def _send(subject: str, body: str, to: str) -> None:
    send_mail(subject, body, None, [to])


@dataclass(frozen=True)
class Price:
    """What a merchant of a country pays her acquirer for a payment."""

    country: str
    acquirer: str
    bps: int
    fixed_minor: int
    currency: str

    @property
    def percent(self) -> str:
        return f"{self.bps // 100}.{self.bps % 100:02d}"


def prices(*, day: date) -> list[Price]:
    """Return what a payment costs in each country on a day, by country."""
    found = (price(country, day=day) for country in COUNTRIES)
    return sorted((one for one in found if one), key=lambda one: one.country)


def price(country: str, *, day: date) -> Price | None:
    """Return what a payment costs in a country on a day; None where nobody contracts merchants."""
    name, currency, _zone = COUNTRIES[country]
    try:
        acquirer = acquirer_for(country)
        terms = tariffs.terms(acquirer.pk, "msc", currency, day)
    except (Refused, tariffs.NoTariff):
        return None
    return Price(_(name), acquirer.name, terms.bps, terms.fixed_minor, currency)


def check_answers(application: Application) -> list[tuple[Step, list[tuple[str, str, str]]]]:
    """Return every step with its (field, name, answer in words), for reading over."""
    return [(step, _answers(application, step)) for step in STEPS]


def _answers(application: Application, step: Step) -> list[tuple[str, str, str]]:
    rows = []
    for name in step.fields:
        if name == "has_no_vat_number":
            continue
        label = str(getattr(Application._meta.get_field(name), "verbose_name", name))
        if name == "mcc":
            label = _("Kind of shop")
        rows.append((name, label[:1].upper() + label[1:], answer_in_words(application, name)))
    return rows


def answer_in_words(application: Application, name: str) -> str:
    """Return one answer as a person reads it: names for codes, the bank behind the IBAN."""
    value = getattr(application, name)
    if name == "vat_number" and application.has_no_vat_number:
        return _("Has no VAT number")
    if not value:
        return ""
    if name == "country":
        return _(COUNTRIES[value][0])
    if name == "legal_form":
        return _(identifiers.legal_forms(application.country).get(value, value))
    if name == "iban":
        bank = identifiers.bank_name(value)
        written = identifiers.pretty_iban(value)
        return f"{written} ({bank})" if bank else written
    if name == "mcc":
        return f"{_(identifiers.mcc_name(value))} ({value})"
    return str(value)
