"""How a drone stands (B10), and the cover check: only the holder's mailbox learns anything."""

from datetime import UTC, datetime, timedelta

import pytest

from policies import status
from policies.models import Letter, PolicyEvent
from tests import factories


@pytest.fixture
def policy(ann):
    drone = factories.DroneFactory(serial="0AXCE1K0030100")
    return factories.PolicyFactory(drone=drone, holder=ann)


def test_b10_how_a_serial_stands_is_one_answer_with_every_reason(policy, us, now):
    drone = status.of("0AXCE1K0030100", us, at=now)
    assert drone.policy == policy
    assert [(reason.rule, reason.code) for reason in drone.bind.reasons] == [
        ("B4", "has_policy"),
        ("B1", "not_activated"),
    ]
    assert drone.renew.allowed
    assert [reason.code for reason in drone.claim.reasons] == ["in_term", "replacement_left"]
    assert status.of("0NEVERSEEN01", us, at=now) is None


# --- the link by mail ---------------------------------------------------------


@pytest.fixture
def ask(visitor, now):
    def send(serial="0AXCE1K0030100", email="ann@example.com", at=now) -> None:
        # The answer is nothing at all, whoever asks.
        assert status.send_link(serial=serial, email=email, actor=visitor, now=at) is None

    return send


def test_the_holder_gets_the_link_by_mail(ask, policy, now):
    ask()
    letter = Letter.objects.get()
    assert (letter.name, letter.recipient, letter.policy) == (
        "link_requested", "ann@example.com", policy)  # fmt: skip
    assert letter.context["link"] == policy.links.get().pk
    assert letter.context["serial"] == "0AXCE1K0030100"
    assert letter.context["ends_at"] == "2027-01-05T09:00:00+00:00"
    event = PolicyEvent.objects.get(policy=policy)
    assert (event.kind, event.at, event.actor) == ("link_sent", now, "customer")
    assert event.address == "198.51.100.7"


def test_the_address_may_be_typed_carelessly(ask, policy):
    ask(email="  Ann@Example.COM ")
    assert Letter.objects.get().recipient == "ann@example.com"


@pytest.mark.parametrize(
    "asked",
    [
        {"serial": "0AXCE1K0030200"},
        {"email": "ben@example.com"},
        {"email": ""},
        {"email": "%"},
        {"serial": ""},
    ],
)
def test_a_stranger_gets_nothing(ask, policy, asked):
    ask(**asked)
    assert Letter.objects.count() == 0
    assert PolicyEvent.objects.count() == 0


def test_one_letter_an_hour_is_enough(ask, policy):
    for minute in (0, 1, 59):
        ask(at=datetime(2026, 3, 10, 15, minute, tzinfo=UTC))
    assert Letter.objects.count() == 1
    ask(at=datetime(2026, 3, 10, 16, 0, tzinfo=UTC))
    assert Letter.objects.count() == 2


def test_the_link_is_that_of_the_policy_of_the_drones_present_life(ask, policy, ann):
    policy.status, policy.drone.life = "expired", 2
    policy.save()
    policy.drone.save()
    newer = factories.PolicyFactory(
        drone=policy.drone,
        drone_life=2,
        holder=ann,
        starts_at=policy.starts_at + timedelta(days=30),
    )
    ask()
    assert Letter.objects.get().policy == newer


def test_the_holder_of_an_ended_policy_gets_its_link_too(ask, policy):
    policy.status = "expired"
    policy.save()
    ask()
    assert Letter.objects.count() == 1
