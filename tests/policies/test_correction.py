"""A policy that was bound to a mistyped serial number goes to the right one (B12)."""

from datetime import timedelta

import pytest

from policies import binding, correction, cover, orders, outbox, verification
from policies.models import Drone, DroneModel, Hold, Letter, Order, Policy
from policies.shared.actor import Actor
from policies.shared.errors import Conflict, Refused
from tests import factories

pytestmark = pytest.mark.django_db

MANAGER = Actor.command("manager")
WRONG, RIGHT = "0AXCWR0NG00001", "0AXCRIGHT00001"


@pytest.fixture
def bind(now, mavic_2_pro):
    """Binds a sold code to the wrong serial number."""

    def bind(**stated) -> Policy:
        code = factories.ActivationCodeFactory(sold=True)
        application = binding.Application(
            serial=WRONG,
            drone_model=mavic_2_pro,
            name="Ann Lee",
            email="ann@example.com",
            country="US",
            **stated,
        )
        return binding.bind_at_desk(code, application, actor=MANAGER, now=now)

    return bind


def correct(policy: Policy, now, serial: str = RIGHT) -> Policy:
    return correction.correct_serial(
        policy, serial=serial, reason="A zero for an O", actor=MANAGER, now=now
    )


def test_b12_the_policy_goes_to_the_right_drone_and_the_wrong_one_was_never_covered(bind, now):
    policy = bind()
    terms = (policy.number, policy.starts_at, policy.ends_at, policy.holder)
    later = now + timedelta(days=100)
    policy = correct(policy, later)
    assert (policy.number, policy.starts_at, policy.ends_at, policy.holder) == terms
    assert policy.drone == Drone.objects.get(serial=RIGHT)
    assert cover.policy_on(RIGHT, at=later) == policy
    assert cover.policy_on(WRONG, at=later) is None
    wrong = Drone.objects.get(serial=WRONG)
    verdict = binding.verdict_on_drone(wrong, policy.region, at=later)
    assert verdict.names("first_policy")
    for drone, kind in ((wrong, "mistyped"), (policy.drone, "corrected")):
        event = drone.events.get()
        assert (event.kind, event.note, event.actor) == (kind, "A zero for an O", "manager")
    assert policy.events.get(kind="serial_corrected").change == f"{WRONG} → {RIGHT}"
    letter = outbox.render(Letter.objects.get(name="serial_corrected"))
    assert f"it is {RIGHT}, and not {WRONG}." in " ".join(letter.text.split())
    assert f"Drone: Mavic 2 Pro, {RIGHT}" in letter.text


def test_b12_what_the_customer_stated_was_said_of_the_right_drone(bind, now, us):
    yesterday = now - timedelta(days=1)
    policy = bind(activated_at=yesterday, answers_activation=True)
    policy = correct(policy, now)
    assert (policy.drone.activated_at, policy.drone.activation_source) == (yesterday, "customer")
    wrong = Drone.objects.get(serial=WRONG)
    assert (wrong.activated_at, wrong.activation_source) == (None, "")
    verdict = binding.verdict_on_drone(wrong, us, at=now + timedelta(days=30))
    assert verdict.allowed
    assert verdict.names("not_activated")


def test_b12_the_dealers_word_about_the_right_drone_stays(bind, now):
    known = now - timedelta(hours=3)
    factories.DroneFactory(serial=RIGHT, activated_at=known)
    policy = correct(bind(activated_at=now - timedelta(days=1)), now)
    assert (policy.drone.activated_at, policy.drone.activation_source) == (known, "dealer")


def test_b12_a_drone_whose_window_had_closed_when_the_policy_was_bound_is_refused(bind, now):
    window = timedelta(hours=48)
    factories.DroneFactory(serial=RIGHT, activated_at=now - window - timedelta(microseconds=1))
    factories.DroneFactory(serial="0AXCINTIME0001", activated_at=now - window)
    policy = bind()
    later = now + timedelta(days=10)
    with pytest.raises(Refused) as no:
        correct(policy, later)
    assert [reason.rule for reason in no.value.verdict.objections] == ["B2"]
    assert cover.policy_on(WRONG, at=later) == policy
    assert correct(policy, later, "0AXCINTIME0001").drone.serial == "0AXCINTIME0001"


def test_b12_an_open_permit_lets_it_be_corrected_and_is_used(bind, now):
    drone = factories.DroneFactory(serial=RIGHT, activated_at=now - timedelta(days=30))
    policy, later = bind(), now + timedelta(days=10)
    permit = verification.grant_after_repair(
        drone, region=policy.region, note="Repaired", actor=MANAGER, now=later
    )
    policy = correct(policy, later)
    permit.refresh_from_db()
    assert permit.used_for == policy


def test_b12_a_drone_that_was_activated_after_the_binding_was_fit_for_it(bind, now):
    factories.DroneFactory(serial=RIGHT, activated_at=now + timedelta(hours=1))
    assert correct(bind(), now + timedelta(days=10)).drone.serial == RIGHT


def test_b12_every_reason_against_the_right_drone_is_named(bind, now):
    other = DroneModel.objects.get(slug="mavic-air")
    drone = factories.DroneFactory(
        serial=RIGHT, drone_model=other, activated_at=now - timedelta(days=9)
    )
    factories.PolicyFactory(drone=drone)
    with pytest.raises(Refused) as no:
        correct(bind(), now)
    assert [reason.rule for reason in no.value.verdict.objections] == ["B7", "B4", "B2"]


def test_b12_nothing_is_corrected_while_a_claim_is_open_or_after_a_replacement(bind, now):
    policy = bind()
    cover.hold(policy.drone, policy=policy, reference="CLM-AAAAAAAA", now=now)
    with pytest.raises(Conflict, match="There is an open claim"):
        correct(policy, now)
    Hold.objects.all().delete()
    factories.PolicyEventFactory(policy=policy, kind="moved", note="CLM-AAAAAAAA")
    with pytest.raises(Conflict, match="came with the replacement of CLM-AAAAAAAA"):
        correct(policy, now)


def test_b12_nor_one_that_is_over_or_right_already(bind, now):
    policy = bind()
    with pytest.raises(Conflict, match="has this serial number already"):
        correct(policy, now, "0axc-wr0ng-00001")
    with pytest.raises(Conflict, match="The term of this policy is over"):
        correct(policy, policy.ends_at)


def test_b12_a_plan_sold_with_its_drone_takes_its_order_along(now, mavic_2_pro, care_1y):
    purchase = orders.Purchase(
        reference="W-1",
        serial=WRONG,
        drone_model=mavic_2_pro,
        plan=care_1y,
        name="Ann Lee",
        email="ann@example.com",
        country="US",
    )
    order = orders.place(purchase, actor=MANAGER, now=now)
    policy = orders.ship(order, shipped_at=now, actor=MANAGER, now=now)
    policy = correct(policy, now)
    assert Order.objects.get().drone == policy.drone == Drone.objects.get(serial=RIGHT)
    taken = factories.PolicyFactory().drone
    with pytest.raises(Conflict, match="has a care plan of its own"):
        correct(policy, now, taken.serial)
