"""What a shop sees of its money: today's payments, and my money."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from payments import takings
from payments.models import Payment
from tests import builders

WEDNESDAY = date(2026, 10, 14)


@pytest.fixture(autouse=True)
def _at_three(monkeypatch):
    """It is three in the afternoon in Oslo, on Wednesday the 14th."""
    now = datetime(2026, 10, 14, 13, 0, tzinfo=UTC)
    monkeypatch.setattr("portal.core.clock.now", lambda: now)


def today(client, shop, **asked):
    return client.get(reverse("payments:today", args=[shop.code]), asked)


# --- today


def test_the_shop_sees_its_payments_of_today_the_last_first(client, colleague, shop):
    late = builders.payment(shop, price_minor=4_200, merchant_ref="Table 7")
    early = builders.payment(shop, occurred_at=builders.NOON - timedelta(hours=2))
    client.force_login(colleague)
    page = today(client, shop)
    assert page.context["page"].rows == [late, early]
    text = page.content.decode()
    assert "<strong>NOK\u00a042.00</strong>" in text
    assert "Table 7" in text
    assert "14:00:00" in text
    assert "Last payment: NOK\u00a042.00 with Vipps at 14:00:00" in text


def test_a_day_goes_by_the_shops_own_clocks(client, owner, shop):
    # Midnight in Oslo is 22:00 UTC the day before.
    first = builders.payment(shop, occurred_at=datetime(2026, 10, 13, 22, 0, tzinfo=UTC))
    builders.payment(shop, occurred_at=datetime(2026, 10, 13, 21, 59, 59, tzinfo=UTC))
    builders.payment(shop, occurred_at=datetime(2026, 10, 14, 22, 0, tzinfo=UTC))
    client.force_login(owner)
    assert today(client, shop).context["page"].rows == [first]


def test_what_was_given_back_and_cancelled_is_taken_off(client, owner, shop):
    builders.refund(builders.payment(shop), price_minor=2_500)
    cancelled = builders.payment(shop)
    Payment.objects.filter(pk=cancelled.pk).update(state=Payment.State.CANCELLED)
    elsewhere = builders.location(shop.merchant)
    builders.refund(builders.payment(elsewhere))
    client.force_login(owner)
    day = today(client, shop).context["day"]
    assert (day.payments, day.taken_minor, day.refunds, day.given_back_minor, day.left_minor) == (
        1, 10_000, 1, 2_500, 7_500,
    )  # fmt: skip


def test_the_list_refreshes_itself_and_can_be_paused(client, owner, shop):
    client.force_login(owner)
    url = reverse("payments:today", args=[shop.code])
    text = today(client, shop).content.decode()
    assert f'hx-get="{url}" hx-trigger="every 5s"' in text
    assert "No payment yet today" in text
    paused = today(client, shop, live="off").content.decode()
    assert "hx-get" not in paused
    assert "Go on refreshing" in paused


def test_a_long_day_is_paged_without_losing_or_doubling_one(client, owner, shop):
    # Three share an instant, so that the page ends among them.
    sold = [
        builders.payment(shop, occurred_at=builders.NOON - timedelta(minutes=max(0, 50 - at)))
        for at in range(53)
    ]
    client.force_login(owner)
    first = today(client, shop)
    assert len(first.context["page"].rows) == 50
    second = today(client, shop, before=first.context["page"].next_key)
    seen = [*first.context["page"].rows, *second.context["page"].rows]
    assert seen == sorted(sold, key=lambda p: (p.occurred_at, p.pk), reverse=True)
    assert second.context["page"].next_key is None
    assert "hx-get" not in second.content.decode()


@pytest.mark.parametrize("key", ["", "x", "-", "1-", "9" * 18 + "-1", "²-1", "1-1-1"])
def test_a_made_up_key_is_no_error(client, owner, shop, key):
    client.force_login(owner)
    assert today(client, shop, before=key).status_code == 200


@pytest.mark.parametrize("number", [1, 55])
def test_today_asks_eight_questions_whatever_the_number(
    client, owner, shop, django_assert_num_queries, number
):
    for _at in range(number):
        builders.payment(shop)
    client.force_login(owner)
    with django_assert_num_queries(8):
        today(client, shop)


@pytest.mark.parametrize("person", ["stranger", "vipps_admin", "clerk", "reviewer"])
def test_todays_payments_do_not_exist_for_anyone_else(request, client, shop, person):
    client.force_login(request.getfixturevalue(person))
    assert today(client, shop).status_code == 404


# --- my money


def my_money(client, **asked):
    return client.get(reverse("payments:money"), asked)


def test_money_is_taken_less_given_back_less_charges(client, owner, shop):
    builders.refund(builders.payment(shop, price_minor=20_000), price_minor=5_000)
    builders.payment(shop, wallet="epassi", price_minor=1_000)
    client.force_login(owner)
    page = my_money(client)
    ((money, _bars),) = page.context["monies"]
    # 1.10 % of 200.00 and of 10.00.
    assert money.currency == "NOK"
    assert money.total == takings.Sums(2, 21_000, 5_000, 231)
    assert money.total.net_minor == 15_769
    assert [(wallet.code, sums.net_minor) for wallet, sums in money.wallets] == [
        ("vipps", 14_780), ("epassi", 989),
    ]  # fmt: skip
    assert "NOK\u00a0157.69" in page.content.decode()


def test_it_says_when_each_wallet_is_expected_to_settle(client, owner, shop):
    builders.payment(shop)
    builders.payment(shop, wallet="epassi")
    builders.payment(shop, occurred_at=builders.NOON - timedelta(days=1))
    client.force_login(owner)
    ((money, _bars),) = my_money(client).context["monies"]
    assert [(due, wallet.code, sums.net_minor) for due, wallet, sums in money.expected_rows] == [
        (date(2026, 10, 15), "vipps", 9_890),
        (date(2026, 10, 16), "epassi", 9_890),
    ]


def test_today_this_week_and_this_month(client, owner, shop):
    for back in (0, 2, 3, 13, 14):
        builders.payment(shop, occurred_at=builders.NOON - timedelta(days=back))
    client.force_login(owner)

    def counted(period: str) -> int:
        ((money, _bars),) = my_money(client, period=period).context["monies"]
        return money.total.payments

    # Monday is the 12th; the 1st is thirteen days back; the 30th is of last month.
    assert [counted(p) for p in ("today", "week", "month", "nonsense")] == [1, 2, 4, 2]


def test_currencies_stay_apart(client, owner, shop):
    abroad = builders.location(shop.merchant, country="AT", city="Wien")
    builders.payment(shop)
    builders.payment(abroad, price_minor=700)
    client.force_login(owner)
    found = [money for money, _bars in my_money(client).context["monies"]]
    assert [(money.currency, money.total.taken_minor) for money in found] == [
        ("EUR", 700), ("NOK", 10_000),
    ]  # fmt: skip


def test_the_last_days_are_drawn_to_scale_beside_a_table(client, owner, shop):
    builders.payment(shop, price_minor=10_000)
    builders.payment(shop, price_minor=2_500, occurred_at=builders.NOON - timedelta(days=13))
    builders.payment(shop, price_minor=1, occurred_at=builders.NOON - timedelta(days=1))
    client.force_login(owner)
    page = my_money(client)
    ((_money, bars),) = page.context["monies"]
    drawn = [(bar.day, x, y, height) for bar, x, y, height in bars if height]
    assert drawn == [
        (date(2026, 10, 1), 6, 90, 30), (date(2026, 10, 13), 606, 118, 2),
        (WEDNESDAY, 656, 0, 120),
    ]  # fmt: skip
    assert page.content.decode().count('<rect class="chart__bar') == 3
    assert "The same as a table" in page.content.decode()


def test_a_new_retailer_is_told_when_money_will_show(client, owner, shop):
    client.force_login(owner)
    assert "No payment in the last month" in my_money(client).content.decode()


def test_a_cashier_is_not_shown_the_turnover(client, colleague, shop):
    builders.payment(shop)
    client.force_login(colleague)
    page = my_money(client)
    assert page.context["monies"] == []
    assert "In a team, owners and managers see it." in page.content.decode()


def test_a_stranger_sees_only_her_own(client, stranger, shop):
    builders.payment(shop)
    client.force_login(stranger)
    assert my_money(client).context["monies"] == []


@pytest.mark.parametrize("person", ["vipps_admin", "clerk", "reviewer"])
def test_my_money_does_not_exist_for_the_alliances_own_people(request, client, alliance, person):
    client.force_login(request.getfixturevalue(person))
    assert my_money(client).status_code == 404


@pytest.mark.parametrize("number", [1, 30])
def test_my_money_asks_seven_questions_whatever_the_number(
    client, owner, shop, django_assert_num_queries, number
):
    for at in range(number):
        builders.payment(shop, occurred_at=builders.NOON - timedelta(days=at % 14))
    client.force_login(owner)
    with django_assert_num_queries(7):
        my_money(client)
