"""Mail that stays at home: the demo shows what it would have sent."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from portal.models import DemoMail


class OutboxBackend(BaseEmailBackend):
    """Keeps every mail as a row for the demo's mail page; nothing leaves the machine."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for mail in email_messages:
            DemoMail.objects.create(
                sender=mail.from_email[:254],
                recipients=", ".join(mail.recipients())[:500],
                subject=" ".join(str(mail.subject).split())[:254],
                body=str(mail.body),
            )
        return len(email_messages)
