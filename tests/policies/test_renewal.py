"""Refresh + (R1, R2): when a plan may be renewed, what it adds, and who wins a race."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from policies import agreement, binding, codes, cover, expiry, renewal, status
from policies.binding import Application
from policies.models import Drone, Letter, Period, Policy, PolicyEvent
from policies.shared.actor import Actor
from policies.shared.errors import Conflict, Refused
from tests import factories

HOUSE = Actor.command("test")
END = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
def policy(ann):
    """Ann's 1-Year policy, from 5 January 2026 to 5 January 2027, 9 o'clock UTC."""
    drone = factories.DroneFactory(
        serial="0ANNSDRONE1", activated_at=datetime(2026, 1, 4, 9, 0, tzinfo=UTC)
    )
    return factories.PolicyFactory(drone=drone, holder=ann)


@pytest.fixture
def code(refresh_plus):
    batch = factories.CodeBatchFactory(plan=refresh_plus)
    return factories.ActivationCodeFactory(batch=batch, sold=True)


def enter(code, *, at, serial="0ANNSDRONE1", email="ann@example.com"):
    """Ann enters the code on the page where codes are activated."""
    application = Application(serial=serial, name="Ann Lee", email=email, country="US")
    return binding.bind_by_code(factories.whole(code), application, actor=HOUSE, now=at)


def objections(code, *, at) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as refusal:
        enter(code, at=at)
    return [(reason.rule, reason.code) for reason in refusal.value.verdict.objections]


def test_a_renewal_adds_to_the_end_and_to_the_allowance_and_to_the_warranty(policy, code):
    assert agreement.warranty(policy).until == datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
    renewed = enter(code, at=datetime(2026, 6, 1, tzinfo=UTC))
    assert renewed.pk == policy.pk
    assert renewed.ends_at == datetime(2028, 1, 5, 9, 0, tzinfo=UTC)
    assert renewed.replacements_left() == 3
    assert agreement.warranty(renewed).until == datetime(2028, 1, 4, 9, 0, tzinfo=UTC)


def test_a_renewal_is_a_period_with_its_own_row_and_history(policy, code):
    enter(code, at=datetime(2026, 6, 1, tzinfo=UTC))
    second = Period.objects.get(policy=policy, number=2)
    assert (second.starts_at, second.months, second.replacements) == (END, 12, 1)
    assert second.code == code
    assert Period.objects.get(policy=policy, number=1).ends_at == END
    [event] = PolicyEvent.objects.filter(policy=policy)
    assert (event.kind, event.data["from"]) == ("renewed", "2027-01-05T09:00:00+00:00")
    assert list(Letter.objects.values_list("name", "recipient")) == [("renewed", "ann@example.com")]
    # And a row in the life of the code (C2).
    [redeemed] = code.events.filter(kind="redeemed")
    assert (redeemed.at, redeemed.actor, redeemed.note) == (event.at, "test", policy.number)


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        (END - timedelta(microseconds=1), True),
        (END, False),
        (END + timedelta(seconds=1), False),
    ],
)
def test_r1_the_last_instant_of_the_term_is_too_late(policy, code, at, allowed):
    if allowed:
        assert enter(code, at=at).ends_at == datetime(2028, 1, 5, 9, 0, tzinfo=UTC)
    else:
        assert objections(code, at=at) == [("R1", "not_in_term")]


def test_r1_a_plan_without_a_replacement_left_is_not_renewed(policy, code):
    now = datetime(2026, 6, 1, tzinfo=UTC)
    cover.consume(policy, reference="CLM-1", actor=HOUSE, now=now)
    assert renewal.verdict_on(policy, None, at=now).allowed
    cover.consume(policy, reference="CLM-2", actor=HOUSE, now=now)
    assert objections(code, at=now) == [("R1", "none_left")]


def test_r1_a_plan_is_renewed_once(policy, code, refresh_plus):
    enter(code, at=datetime(2026, 6, 1, tzinfo=UTC))
    batch = factories.CodeBatchFactory(plan=refresh_plus)
    second = factories.ActivationCodeFactory(batch=batch, sold=True)
    assert objections(second, at=datetime(2026, 7, 1, tzinfo=UTC)) == [("R1", "renewed_before")]


AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def with_uses(*, given_back: int = 0, taken: int, **columns) -> Policy:
    policy = factories.PolicyFactory(**columns)
    for ordinal in range(1, taken + 1):
        factories.AllowanceUseFactory(policy=policy, ordinal=ordinal)
    for _number in range(given_back):
        factories.AllowanceUseFactory(policy=policy, ordinal=2, given_back_at=AT)
    return policy


def with_renewal(**kwargs) -> Policy:
    policy = with_uses(**kwargs)
    factories.PeriodFactory(policy=policy, number=2, replacements=1)
    return policy


def as_the_reminders_ask(at: datetime) -> dict[int, str]:
    now = connection.ops.adapt_datetimefield_value(at)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT p.id, {renewal.OFFER_SQL} FROM policies_policy p", {"now": now})
        return dict(cursor.fetchall())


def test_r1_one_policy_a_query_and_the_reminders_are_offered_the_same(care_2y, refresh_plus):
    may_be_renewed = [
        with_uses(taken=0),
        with_uses(taken=1),
        with_uses(taken=1, given_back=1),
        with_uses(taken=0, starts_at=AT),
        with_uses(taken=0, ends_at=AT + INSTANT),
        with_uses(taken=0, status="scheduled"),
        with_uses(taken=0, status="expired"),
    ]
    may_not = [
        with_uses(taken=0, plan=care_2y),
        with_uses(taken=0, plan=refresh_plus),
        with_uses(taken=2),
        with_renewal(taken=0),
        with_renewal(taken=2),
        with_uses(taken=0, starts_at=AT + INSTANT),
        with_uses(taken=0, ends_at=AT),
        with_uses(taken=0, status="cancelled", cancelled_at=AT, cancel_reason="Sold"),
    ]
    everyone = [*may_be_renewed, *may_not]
    expected = {one.pk: "Refresh +" for one in may_be_renewed} | {one.pk: "" for one in may_not}

    offers = {one.pk: renewal.offer(one, at=AT) for one in everyone}
    assert {pk: plan.name if plan else "" for pk, plan in offers.items()} == expected
    rows = renewal.with_renewable(Policy.objects.all(), at=AT)
    assert {one.pk: one.renewable for one in rows} == {pk: bool(n) for pk, n in expected.items()}
    assert as_the_reminders_ask(AT) == expected


def test_p1_a_two_year_plan_is_not_renewed(ann, code, care_2y):
    drone = factories.DroneFactory(serial="0ANNSDRONE1")
    factories.PolicyFactory(drone=drone, holder=ann, plan=care_2y)
    assert objections(code, at=datetime(2026, 6, 1, tzinfo=UTC)) == [("P1", "wrong_plan")]


def test_somebody_elses_e_mail_renews_nothing_and_opens_no_page(policy, code):
    with pytest.raises(Conflict, match="we find none for this serial number and e-mail"):
        enter(code, at=datetime(2026, 6, 1, tzinfo=UTC), email="eve@example.com")
    assert not codes.is_redeemed(code)


@pytest.fixture
def second_hand(policy, ann):
    """Ann's replacement: a drone on which she once had another plan, begun later and cancelled."""
    once_hers = factories.DroneFactory(serial="0ANNSDRONE2", life=2)
    begun = datetime(2026, 2, 1, 9, 0, tzinfo=UTC)
    cancelled = {"status": "cancelled", "cancelled_at": AT, "cancel_reason": "Sold back"}
    factories.PolicyFactory(drone=once_hers, drone_life=1, holder=ann, starts_at=begun, **cancelled)
    policy.drone, policy.drone_life = once_hers, 2
    policy.save()
    return policy


def test_r1_a_renewal_is_of_the_drones_present_life(second_hand, code):
    at = datetime(2026, 7, 1, tzinfo=UTC)
    assert enter(code, at=at, serial="0ANNSDRONE2") == second_hand


def test_the_cover_check_mails_the_link_of_the_drones_present_life(second_hand):
    at = datetime(2026, 7, 1, tzinfo=UTC)
    status.send_link(serial="0ANNSDRONE2", email="ann@example.com", actor=HOUSE, now=at)
    assert Letter.objects.get().policy == second_hand


def test_r1_nothing_of_an_earlier_life_is_renewed(policy, code):
    """She sold it back, and somebody else has bought it as refurbished."""
    Drone.objects.filter(pk=policy.drone_id).update(life=2)
    with pytest.raises(Conflict, match="we find none"):
        enter(code, at=datetime(2026, 7, 1, tzinfo=UTC))


def test_a_renewal_sold_at_the_desk_is_redeemed_on_the_spot(policy, refresh_plus):
    batch = factories.CodeBatchFactory(plan=refresh_plus)
    factories.ActivationCodeFactory(batch=batch)
    now = datetime(2026, 6, 1, tzinfo=UTC)
    renewal.sell_and_renew(policy, plan=refresh_plus, order_reference="R-1", actor=HOUSE, now=now)
    code = Period.objects.get(policy=policy, number=2).code
    assert (code.state, code.sale.buyer, code.sale.order_reference) == (
        "sold",
        policy.holder,
        "R-1",
    )
    assert list(Letter.objects.values_list("name", flat=True)) == ["renewed"]


def test_a_renewal_that_is_refused_at_the_desk_sells_no_code(policy, refresh_plus):
    batch = factories.CodeBatchFactory(plan=refresh_plus)
    code = factories.ActivationCodeFactory(batch=batch)
    with pytest.raises(Refused):
        renewal.sell_and_renew(policy, plan=refresh_plus, order_reference="", actor=HOUSE, now=END)
    code.refresh_from_db()
    assert code.state == "in_stock"


def test_e1_a_renewal_in_time_stands_though_the_sweep_came_to_the_row_first(policy, code):
    assert expiry.expire(now=END, chunk=10) == 1
    renewed = enter(code, at=END - timedelta(microseconds=1))
    assert renewed.is_in_force(at=END)
    next_end = datetime(2028, 1, 5, 9, 0, tzinfo=UTC)
    assert expiry.expire(now=next_end, chunk=10) == 1
    assert Letter.objects.filter(name="policy_expired").count() == 2


def test_p4_a_renewal_keeps_the_terms_it_was_sold_under(policy, code, refresh_plus):
    refresh_plus.months = 6
    refresh_plus.save()
    assert enter(code, at=datetime(2026, 6, 1, tzinfo=UTC)).ends_at.year == 2028
