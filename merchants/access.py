"""What a retailer's people may see: the only way to rows in a view. Outsiders get 404."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import Http404

from merchants.models import Application, Location, Merchant, MerchantMembership, Sticker
from portal.core.models import User

MAY_ACT = (MerchantMembership.Role.OWNER, MerchantMembership.Role.MANAGER)


def _memberships(user: User | AnonymousUser, *, write: bool) -> QuerySet[MerchantMembership]:
    if not isinstance(user, User) or not user.is_active:
        return MerchantMembership.objects.none()
    found = MerchantMembership.objects.filter(user=user)
    return found.filter(role__in=MAY_ACT) if write else found


def may_act(user: User, merchant: Merchant) -> bool:
    """Tell whether a user may change things of a merchant: owners and managers may."""
    return _memberships(user, write=True).filter(merchant=merchant).exists()


def merchants_of(user: User | AnonymousUser, *, write: bool = False) -> QuerySet[Merchant]:
    """Return the merchants a user belongs to; with ``write``, where she may change things."""
    return Merchant.objects.filter(
        pk__in=_memberships(user, write=write).values("merchant_id")
    ).order_by("legal_name", "pk")


def locations_of(user: User | AnonymousUser, *, write: bool = False) -> QuerySet[Location]:
    """Return the locations of the merchants a user belongs to."""
    return Location.objects.filter(
        merchant_id__in=_memberships(user, write=write).values("merchant_id")
    )


def stickers_of(user: User | AnonymousUser, *, write: bool = False) -> QuerySet[Sticker]:
    """Return the stickers at the locations of the merchants a user belongs to."""
    return Sticker.objects.filter(
        location__merchant_id__in=_memberships(user, write=write).values("merchant_id")
    )


def applications_of(user: User | AnonymousUser) -> QuerySet[Application]:
    """Return the applications a user made herself."""
    if not isinstance(user, User) or not user.is_active:
        return Application.objects.none()
    return Application.objects.filter(applicant=user).order_by("-created_at", "-pk")


def merchant_for(user: User | AnonymousUser, ref: str, *, write: bool = False) -> Merchant:
    merchant = merchants_of(user, write=write).filter(ref=ref).first()
    if merchant is None:
        raise Http404
    return merchant


def location_for(user: User | AnonymousUser, code: str, *, write: bool = False) -> Location:
    """Return a location by its code, with its merchant, or raise Http404."""
    found = locations_of(user, write=write).select_related("merchant").filter(code=code).first()
    if found is None:
        raise Http404
    return found


def application_for(user: User | AnonymousUser, ref: str) -> Application:
    """Return an application by its reference, or raise Http404."""
    found = applications_of(user).select_related("merchant").filter(ref=ref).first()
    if found is None:
        raise Http404
    return found


def sticker_for(user: User | AnonymousUser, code: str, *, write: bool = False) -> Sticker:
    """Return a sticker by its code, with location and merchant, or raise Http404."""
    found = (
        stickers_of(user, write=write)
        .select_related("location__merchant", "replaced_by")
        .filter(code=code)
        .first()
    )
    if found is None:
        raise Http404
    return found
