"""Which files, lines, breaks and payments a user may see.

Finance sees those of all wallets. A wallet's admin sees everything in the file of that
wallet's own feed (so a hub's admin sees the lines of all its members), and of a hub's file
only that wallet's own lines, sums and payments, never the file. Nobody else sees any.
"""

from __future__ import annotations

from typing import TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from payments import settlement
from payments.models import Batch, Break, Link, Payment, Run, SettlementFile
from portal.core.models import User
from wallets import access as wallet_access

Anyone = User | AnonymousUser
Row = TypeVar("Row", bound=Model)


def sees_all(user: Anyone) -> bool:
    """Tell whether the user sees the money of every wallet."""
    return isinstance(user, User) and user.is_active and user.is_finance


def sees_any(user: Anyone) -> bool:
    """Tell whether the user is one of those who see settled money at all."""
    return sees_all(user) or wallet_access.wallets_of(user).exists()


def files_of(user: Anyone) -> QuerySet[SettlementFile]:
    """Return the files the user may see whole."""
    if sees_all(user):
        return SettlementFile.objects.all()
    return SettlementFile.objects.filter(feed__in=wallet_access.feeds_of(user))


def runs_of(user: Anyone) -> QuerySet[Run]:
    """Return the finished comparisons of files the user may see whole."""
    runs = Run.objects.exclude(state=Run.State.WRITING)
    return runs if sees_all(user) else runs.filter(feed__in=wallet_access.feeds_of(user))


def batches_of(user: Anyone) -> QuerySet[Batch]:
    """Return the sums the user may see: of own files, and the own ones in a hub's file."""
    if sees_all(user):
        return Batch.objects.all()
    return Batch.objects.filter(
        Q(file__feed__in=wallet_access.feeds_of(user))
        | Q(file__feed__wallet__is_hub=True, wallet__in=_own_codes(user))
    )


def links_of(user: Anyone) -> QuerySet[Link]:
    """Return the settled lines the user may see, those of finished comparisons."""
    links = Link.objects.filter(run__state=Run.State.DONE, reversed_by=None)
    if sees_all(user):
        return links
    return links.filter(
        Q(run__feed__in=wallet_access.feeds_of(user))
        | Q(entry__wallet__in=wallet_access.wallets_of(user))
    )


def breaks_of(user: Anyone) -> QuerySet[Break]:
    """Return the breaks the user may see, those that count."""
    breaks = Break.objects.filter(Q(run=None) | Q(run__state=Run.State.DONE))
    if sees_all(user):
        return breaks
    # A line of somebody's own feed that names another wallet stays between the two ends of
    # that feed; only a hub's feed carries lines for others.
    return breaks.filter(
        Q(feed__in=wallet_access.feeds_of(user))
        | Q(feed__wallet__is_hub=True, wallet__in=_own_codes(user))
    )


def payments_of(user: Anyone) -> QuerySet[Payment]:
    """Return the payments the user may see: of the own users, or in the own file.

    Who acquired the shop has no part in what another wallet's users pay there.
    """
    if sees_all(user):
        return Payment.objects.all()
    return Payment.objects.filter(
        Q(issuer__in=wallet_access.wallets_of(user)) | Q(feed__in=wallet_access.feeds_of(user))
    )


def file_for(user: Anyone, file_id: int) -> SettlementFile:
    """Return a file the user may see whole, or raise Http404."""
    return _one(files_of(user).select_related("feed__wallet"), Q(pk=file_id))


def break_for(user: Anyone, break_id: int) -> Break:
    """Return a break the user may see, or raise Http404."""
    return _one(breaks_of(user).select_related("feed__wallet", "file", "entry"), Q(pk=break_id))


def payment_for(user: Anyone, ref: str) -> Payment:
    """Return a payment the user may see, by its public id, or raise Http404."""
    return _one(payments_of(user).select_related("issuer", "location"), Q(ref=ref))


def raw_line_for(user: Anyone, file_id: int, line_no: int) -> str:
    """Return a line of a file as it came, or raise Http404.

    Of a file that is not the user's to see, only a line that settled or broke an own
    payment is shown.
    """
    file = SettlementFile.objects.filter(pk=file_id).first()
    if file is None or line_no < 1:
        raise Http404(_("There is no such line."))
    is_own = (
        files_of(user).filter(pk=file_id).exists()
        or links_of(user).filter(run__file=file, line_no=line_no).exists()
        or breaks_of(user).filter(file=file, line_no=line_no).exists()
    )
    if not is_own:
        raise Http404(_("There is no such line."))
    return settlement.raw_line(file, line_no)


def _own_codes(user: Anyone) -> QuerySet[Model, str]:
    return wallet_access.wallets_of(user).values_list("code", flat=True)


def _one(rows: QuerySet[Row], which: Q) -> Row:
    found = rows.filter(which).first()
    if found is None:
        raise Http404(_("There is nothing here."))
    return found
