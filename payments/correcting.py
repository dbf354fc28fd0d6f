"""Put a quarantined file right: whom to tell what, and take in the corrected file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from payments import checking, reasons, settlement
from payments.checking import Verdict
from payments.models import Delivery, SettlementFile
from portal.core import audit
from portal.core.models import User
from portal.core.templatetags.onestile import day, in_zone
from wallets.models import WalletMembership

LINES_AROUND = 2


class NotSent(Exception):
    """The corrected file was not taken; nothing has changed."""


class StillWrong(NotSent):
    """It would be quarantined again."""

    def __init__(self) -> None:
        super().__init__(_("This file would be quarantined again."))


class SameAgain(NotSent):
    """These bytes are here already."""


@dataclass(frozen=True)
class Letter:
    """What to write to the people of a wallet, ready to send."""

    to: list[str]
    subject: str
    body: str

    @property
    def mailto(self) -> str:
        """Return the address of a link that opens it in a mail program."""
        to = ",".join(quote(address, safe="@") for address in self.to)
        body = quote(self.body.replace("\n", "\r\n"), safe="")
        return f"mailto:{to}?subject={quote(self.subject, safe='')}&body={body}"


@dataclass(frozen=True)
class Advice:
    """What is wrong with a quarantined file, and what to do about it.

    ``around`` is (line number, text, is it the line that decides) as the lines came.
    ``is_ours``: nobody but the portal's own operators can help.
    """

    words: str | Promise
    to_do: str | Promise
    is_ours: bool
    around: list[tuple[int, str, bool]]
    letter: Letter


def contacts(file: SettlementFile) -> list[str]:
    """Return the e-mail addresses of those who look after the wallet that sent a file."""
    return list(
        WalletMembership.objects.filter(wallet=file.feed.wallet_id, user__is_active=True)
        .order_by("user__email")
        .values_list("user__email", flat=True)
    )


def not_yet_right(files: QuerySet[SettlementFile]) -> QuerySet[SettlementFile]:
    """Return those of the files that are quarantined and that no later version has replaced."""
    later = SettlementFile.objects.filter(
        feed=OuterRef("feed"), identity=OuterRef("identity"), version__gt=OuterRef("version")
    )
    return files.filter(~Exists(later), state=SettlementFile.State.QUARANTINED)


def advice(file: SettlementFile) -> Advice:
    """Return what to know and to say about a quarantined file."""
    reason = reasons.reason(file.reason_code)
    around = lines_around(file)
    return Advice(
        reason.words, reason.to_do, file.reason_code in reasons.OURS, around,
        _letter(file, reason, next((text for _no, text, is_it in around if is_it), "")),
    )  # fmt: skip


def lines_around(file: SettlementFile) -> list[tuple[int, str, bool]]:
    """Return the line that decided and those around it; none where there is no line."""
    if not file.reason_line:
        return []
    first, last = file.reason_line - LINES_AROUND, file.reason_line + LINES_AROUND
    try:
        found = checking.lines_at(settlement.stored(file), range(first, last + 1))
    except FileNotFoundError:
        return []
    return [(number, text, number == file.reason_line) for number, text in sorted(found.items())]


def _to_the_partner(text: str) -> str:
    """Return a reason without the sentences that tell us to ask the partner."""
    return re.sub(r"\s*Ask the partner[^.]*\.", "", text) or text


def _letter(file: SettlementFile, reason: reasons.Reason, raw: str) -> Letter:
    zone = file.feed.wallet.timezone
    facts = [_("File: %(name)s") % {"name": file.name}]
    facts.append(_("Received: %(when)s") % {"when": in_zone(file.received_at, zone)})
    if file.period_from and file.period_to:
        dates = {"first": day(file.period_from), "last": day(file.period_to)}
        facts.append(_("Business dates: %(first)s to %(last)s") % dates)
    facts.append(f"SHA-256: {file.sha256}")
    wrong = [f"{reason.words} ({file.reason_code})."]
    if file.reason_line:
        wrong.append(_("Line %(line)s: %(text)s") % {
            "line": file.reason_line, "text": _to_the_partner(file.reason_text),
        })  # fmt: skip
    else:
        wrong.append(_to_the_partner(file.reason_text))
    if raw:
        wrong.append(_("The line as it came: %(raw)s") % {"raw": raw})
    parts = [
        _("Hello,"),
        _("we could not take this settlement file, and nothing of it was counted:"),
        "\n".join(facts),
        _("What is wrong:"),
        "\n".join(wrong),
        _("What we need:"),
        str(reason.to_do) + " " + _(
            "Please send the corrected file whole, for the same business dates. It then takes "
            "the place of this one by itself."
        ),
        _("Thank you."),
    ]  # fmt: skip
    subject = _("Settlement file %(name)s could not be taken: %(words)s") % {
        "name": file.name, "words": reason.words,
    }  # fmt: skip
    return Letter(contacts(file), subject, "\n\n".join(parts))


def send(
    file: SettlementFile, *, path: Path, name: str, verdicts: list[Verdict], by: User,
    now: datetime, anyway: bool = False,
) -> Delivery:  # fmt: skip
    """Take in what is to replace a quarantined file; return its delivery.

    ``verdicts`` are what :func:`payments.checking.check_all` found in it. Raises SameAgain
    for bytes that are here already, StillWrong for a file that would be quarantined, unless
    it is sent ``anyway``. Whether it is the same file in the partner's eyes is for the
    delivery to say: its file has another identity if not. One that could not be opened has
    no name of the partner's, so there the person's word is taken.
    """
    is_right = all(verdict.is_accepted for verdict in verdicts)
    again = [verdict for verdict in verdicts if _is_here(verdict)]
    if len(again) == len(verdicts):
        version = again[0].relation.version if again[0].relation else 1
        raise SameAgain(
            _("These are the same bytes as version %(version)s, which was received before.")
            % {"version": version}
        )
    if not (is_right or anyway):
        raise StillWrong
    with transaction.atomic():
        if settlement.is_unopened(file) and is_right:
            settlement.adopt_unopened(file.feed, file.name, verdicts[0].identity, now=now)
            file.refresh_from_db()
        deliveries = settlement.take_in(feed=file.feed, name=name, path=path, now=now)
        fresh = [delivery for delivery in deliveries if delivery.arrived_at == now]
        if not fresh:
            raise SameAgain(_("This file was received before, byte for byte."))
        same = [one for one in fresh if one.file.identity == file.identity]
        delivery = (same or fresh)[0]
        audit.record(
            "payments.file.corrected", file, by=by, at=now, delivery=delivery.pk,
            name=delivery.name, sha256=delivery.sha256, anyway=not is_right,
            is_other_file=not same,
        )  # fmt: skip
    return delivery


def name_beside(file: SettlementFile, name: str) -> str:
    """Return what a file that is sent to us is called where the one it replaces lay.

    Its folder may say its day, or whose it is, and a browser sends the bare name.
    """
    within, slash, _last = file.name.rpartition("/")
    return within + slash + name


def _is_here(verdict: Verdict) -> bool:
    relation = verdict.relation
    return relation is not None and relation.result in (
        Delivery.Result.RESENT, Delivery.Result.OLD_VERSION,
    )  # fmt: skip


def download(file: SettlementFile, *, by: User, now: datetime, delivery: Delivery | None) -> Path:
    """Return where the bytes of a file (or of one delivery, as it came) lie; write down who asks.

    Raises FileNotFoundError where they are no longer kept.
    """
    path, sha = settlement.stored(file), file.sha256
    if delivery is not None:
        path, sha = settlement.as_it_came(delivery), delivery.sha256 or file.sha256
    if not path.is_file():
        raise FileNotFoundError(path)
    audit.record(
        "payments.file.downloaded", file, by=by, at=now, sha256=sha,
        delivery=delivery.pk if delivery else None,
    )  # fmt: skip
    return path
