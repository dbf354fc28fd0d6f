"""The people of the demo: one login for each role, all with the same printed password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext

from merchants import onboarding
from merchants.models import Merchant, MerchantMembership
from portal.core.models import FINANCE, REVIEWERS, User
from portal.demo import numbers, world
from wallets.models import Wallet, WalletMembership

PASSWORD = "one sticker, every wallet"  # noqa: S105  (printed on purpose: it is a demo)

NEWCOMER = "lena@zirbenlaube.example"


@dataclass(frozen=True)
class Person:
    """Who can sign in: ``role`` is one of shop, chain, reviewer, wallet, finance."""

    email: str
    name: str
    role: str
    wallet: str = ""


def everybody() -> list[Person]:
    """Return the demo's people, shops first."""
    return [
        Person("baker@havrekroken.example", "Ingrid Havre", "shop"),
        Person("office@tuulikello.example", "Aino Tuuli", "chain"),
        Person("reviewer@onestile.example", "Rui Revisor", "reviewer"),
        Person("finance@onestile.example", "Fanny Finanz", "finance"),
        *(
            Person(f"admin@{code}.example", name, "wallet", code)
            for code, name in Wallet.objects.order_by("name").values_list("code", "name")
        ),
    ]


@transaction.atomic
def set_up() -> list[Person]:
    """Create the people once, and give each what the role needs; return them."""
    people = everybody()
    password = make_password(PASSWORD)
    for person in people:
        user, created = User.objects.get_or_create(
            email=person.email,
            defaults={
                "name": person.name,
                "password": password,
                "is_staff": person.role in ("reviewer", "wallet"),
            },
        )
        if not created:
            continue
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        _give_role(user, person)
    return people


def _give_role(user: User, person: Person) -> None:
    if person.role == "wallet":
        WalletMembership.objects.create(wallet=Wallet.objects.get(code=person.wallet), user=user)
    elif person.role in ("shop", "chain"):
        number = world.ONE_SHOP if person.role == "shop" else world.CHAIN
        merchant = Merchant.objects.get(ref=world.merchant_ref(number))
        MerchantMembership.objects.create(merchant=merchant, user=user)
    else:
        name = REVIEWERS if person.role == "reviewer" else FINANCE
        user.groups.add(Group.objects.get_or_create(name=name)[0])


def leave_an_application(*, now: datetime) -> None:
    """Let a newcomer hand in an application, so that the reviewer has something to decide."""
    user, created = User.objects.get_or_create(email=NEWCOMER, defaults={"name": "Lena Licht"})
    if not created:
        return
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    draft = onboarding.start(applicant=user, now=now)
    answers = {
        "country": "AT", "legal_form": "limited", "legal_name": "Zirbenlaube Kaffeehaus GmbH",
        "company_number": "901234b", "has_no_vat_number": True,
        "iban": numbers.iban("AT", Random("newcomer")),  # noqa: S311
        "mcc": "5812", "location_name": "Zirbenlaube", "street": "Lindengasse 7",
        "postcode": "6020", "city": "Innsbruck",
    }  # fmt: skip
    onboarding.save(draft, answers=answers, by=user, now=now)
    onboarding.submit(draft, by=user, now=now)


def describe(person: Person) -> str:
    """Return what a person is, in plain words."""
    return {
        "shop": gettext("a retailer with one shop"),
        "chain": gettext("the head office of a chain"),
        "reviewer": gettext("decides on applications"),
        "finance": gettext("downloads the night"),
        "wallet": gettext("looks after the wallet %(name)s") % {"name": person.name},
    }[person.role]
