"""Two people on one thing at the same moment, on a real database server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from merchants import onboarding, stickers
from merchants.models import Application, Enrolment, Location, Merchant, Sticker
from merchants.refusals import Refused
from portal.core.models import AuditEntry, User
from tests.builders import NOON
from tests.merchants.test_onboarding import ANSWERS

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Do things at once, each on a connection of its own; a refusal is an answer too."""
    ready = Barrier(len(acts))

    def do(act: Callable[[], Any]) -> Any:
        ready.wait(10)
        try:
            return act()
        except Refused as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(do, acts))


@pytest.fixture
def submitted(alliance) -> Application:
    applicant = User.objects.create_user("anna@kaffe.example", "correct horse")
    application = onboarding.start(applicant=applicant, now=NOON)
    onboarding.save(application, answers=ANSWERS, by=applicant, now=NOON)
    onboarding.submit(application, by=applicant, now=NOON)
    return application


@pytest.fixture
def reviewers(db) -> list[User]:
    return [User.objects.create_user(f"r{n}@onestile.example", is_staff=True) for n in range(6)]


def test_of_many_reviewers_who_approve_at_once_one_does(submitted, reviewers):
    answers = together(
        *(
            lambda who=who: onboarding.approve(
                Application.objects.get(pk=submitted.pk), by=who, now=NOON
            )
            for who in reviewers
        )
    )
    assert sum(isinstance(answer, Merchant) for answer in answers) == 1
    assert sum(isinstance(answer, onboarding.AlreadyDecided) for answer in answers) == 5
    assert Merchant.objects.count() == Location.objects.count() == Sticker.objects.count() == 1
    assert Enrolment.objects.count() == 7
    assert AuditEntry.objects.filter(verb="merchants.application.approved").count() == 1


def test_approving_and_rejecting_at_once_leaves_one_decision(submitted, reviewers):
    approver, rejecter = reviewers[:2]
    answers = together(
        lambda: onboarding.approve(Application.objects.get(), by=approver, now=NOON),
        lambda: onboarding.reject(Application.objects.get(), by=rejecter, reason="No", now=NOON),
    )
    assert sum(isinstance(answer, onboarding.AlreadyDecided) for answer in answers) == 1
    decided = Application.objects.get()
    assert Merchant.objects.count() == (1 if decided.state == "approved" else 0)
    assert (decided.decision_reason == "No") == (decided.state == "rejected")


def test_beginning_twice_at_once_makes_one_draft(alliance):
    applicant = User.objects.create_user("anna@kaffe.example")
    drafts = together(*[lambda: onboarding.start(applicant=applicant, now=NOON)] * 6)
    assert len({draft.pk for draft in drafts}) == Application.objects.count() == 1


def test_a_sticker_replaced_many_times_at_once_has_one_successor(shop):
    sticker = stickers.issue(shop, by=None, now=NOON)
    answers = together(*[lambda: stickers.replace(sticker, by=None, now=NOON)] * 4)
    assert sum(isinstance(answer, Sticker) for answer in answers) == 1
    assert Sticker.objects.count() == 2
