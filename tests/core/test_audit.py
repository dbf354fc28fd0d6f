"""The audit trail: append-only, and chained so that a change shows."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from portal.core import audit
from portal.core.models import AuditEntry, AuditSeal, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries() -> list[AuditEntry]:
    user = User.objects.create_user("somebody@onestile.example")
    return [audit.record("core.user.tested", user, by=user, number=n) for n in range(3)]


def test_the_database_refuses_to_change_an_entry(entries):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.update(verb="something.else")
    assert set(AuditEntry.objects.values_list("verb", flat=True)) == {"core.user.tested"}


def test_entries_are_sealed_in_order_once(entries):
    assert audit.seal() == 3
    assert audit.seal() == 0
    assert list(AuditSeal.objects.order_by("number").values_list("number", "entry_id")) == [
        (number, entry.pk) for number, entry in enumerate(entries, 1)
    ]
    assert audit.broken_at() is None


def test_a_change_behind_the_portals_back_shows(entries):
    audit.seal()
    with connection.cursor() as cursor:
        on = " ON core_auditentry" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER core_auditentry_append_only{on}")
    AuditEntry.objects.filter(pk=entries[1].pk).update(actor_label="nobody")
    assert audit.broken_at() == 2
