"""The replacement goes out, and the policy moves to it (K9, T1, B4)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from claims import progress
from claims.models import Shipment
from policies import binding, cover, drones, orders, outbox
from policies.models import Drone, Letter, Plan, PolicyEvent
from policies.rules.serials import BadSerial
from policies.shared.errors import Conflict, Refused, SerialDoubted
from tests import factories
from tests.claims.conftest import (
    ACTIVATED,
    CUSTOMER,
    DESK,
    NEW_SERIAL,
    SERIAL,
    everything_written,
    fresh,
    left,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def claim(house, policy):
    """A paid care claim: the replacement is being prepared."""
    return house.claim_at("preparing", policy)


@pytest.fixture
def repair(house, policy):
    """A warranty claim: the repair is being prepared."""
    return house.take(house.claim_at("assessed", policy, cause="product_defect"), "prepare")


def test_the_policy_moves_to_the_new_serial_as_one_recorded_act(house, policy, claim):
    old, at = policy.drone, house.now
    house.do(claim, "ship", new_serial=NEW_SERIAL, condition="refurbished", tracking_number="OUT1")
    claim = fresh(claim)
    new = Drone.objects.get(serial=NEW_SERIAL)
    assert (claim.progress, claim.drone, claim.replacement) == ("shipped", old, new)
    policy.refresh_from_db()
    assert (policy.drone, policy.drone_life, policy.status) == (new, 1, "active")
    moved = PolicyEvent.objects.get(policy=policy, kind="moved")
    assert (moved.at, moved.actor, moved.note) == (at, "claims desk", claim.number)
    facts = {"from": SERIAL, "to": NEW_SERIAL, "condition": "refurbished", "known": None}
    assert moved.data == facts
    old.refresh_from_db()
    assert old.retired_at == at
    assert new.retired_at is None
    assert claim.events.latest("id").note == f"{NEW_SERIAL} (refurbished)"


def test_b6_the_claim_then_holds_the_new_drone_and_the_old_one_is_ours(house, policy, claim):
    claim = house.take(claim, "ship")
    old, new = claim.drone, fresh(claim).replacement
    house.now = policy.ends_at
    drones.start_new_life(old, now=house.now)
    for verbs in ([], ["complete", "undo"]):
        claim = house.take(claim, *verbs)
        with pytest.raises(Conflict, match="There is an open claim on this drone"):
            drones.start_new_life(new, now=house.now)
    house.take(claim, "complete")
    drones.start_new_life(new, now=house.now)


def test_term_allowance_and_warranty_carry_over(house, policy, claim):
    before = cover.cover_on(SERIAL, at=house.now)
    house.do(claim, "ship", new_serial=NEW_SERIAL)
    after = cover.cover_on(NEW_SERIAL, at=house.now)
    assert (after.starts_at, after.ends_at) == (
        datetime(2026, 1, 5, 9, 0, tzinfo=UTC), datetime(2027, 1, 5, 9, 0, tzinfo=UTC))  # fmt: skip
    assert after.replacements_left == before.replacements_left == 1
    # The warranty of the first drone, twelve months from its activation; not a new one.
    assert after.warranty_until == before.warranty_until
    assert after.warranty_until == datetime(2027, 1, 3, 20, 0, tzinfo=UTC)
    assert cover.cover_on(SERIAL, at=house.now) is None
    new = Drone.objects.get(serial=NEW_SERIAL)
    assert (new.activated_at, new.activation_source) == (ACTIVATED, "dealer")


def test_an_activation_stated_by_the_customer_stays_so(house, ann):
    drone = factories.DroneFactory(activated_at=ACTIVATED, activation_source="customer")
    claim = house.claim_at("preparing", factories.PolicyFactory(drone=drone, holder=ann))
    house.do(claim, "ship", new_serial=NEW_SERIAL)
    assert Drone.objects.get(serial=NEW_SERIAL).activation_source == "customer"
    assert cover.cover_on(NEW_SERIAL, at=house.now).activation_stated_by_customer


def test_the_next_damage_is_that_of_the_new_serial(house, policy, claim):
    house.do(claim, "ship", new_serial=NEW_SERIAL)
    policy.refresh_from_db()
    second = house.request(policy)  # the first is shipped and not yet completed
    assert (second.drone.serial, second.outcome) == (NEW_SERIAL, "care")
    second = house.take(second, "accept", "label_bought", "receive", "assess", "pay", "ship")
    policy.refresh_from_db()
    assert policy.drone == second.replacement
    assert left(policy) == 0
    retired = Drone.objects.filter(retired_at__isnull=False).order_by("id")
    assert [drone.serial for drone in retired] == [SERIAL, NEW_SERIAL]


def test_the_letter_names_parcel_and_serial(house, claim):
    house.do(claim, "ship", new_serial=NEW_SERIAL, tracking_number="1Z999")
    parcel = Shipment.objects.get(direction="outbound")
    assert (parcel.state, parcel.tracking_number, parcel.reference) == (
        "sent", "1Z999", f"{claim.number}-out-1")  # fmt: skip
    facts = Letter.objects.get(name="claim_shipped").context
    assert (facts["tracking_number"], facts["new_serial"]) == ("1Z999", NEW_SERIAL)


def test_the_serial_may_be_typed_with_dashes_and_small_letters(house, claim):
    house.do(claim, "ship", new_serial=" 0axc-new 0000001 ")
    assert fresh(claim).replacement.serial == NEW_SERIAL


# --- serials that are not free -----------------------------------------------------


def refused(house, claim, new_serial: str, match: str) -> None:
    before = everything_written()
    with pytest.raises(Conflict, match=match):
        house.do(claim, "ship", new_serial=new_serial)
    assert everything_written() == before


def test_the_damaged_drone_is_not_its_own_replacement(house, claim):
    sentence = "cannot have the serial number of the damaged drone"
    refused(house, claim, SERIAL, sentence)
    refused(house, claim, SERIAL.lower(), sentence)


@pytest.mark.parametrize("status", ["active", "expired"])
def test_a_drone_with_a_plan_of_its_own_is_not_given_out(house, claim, status):
    other = factories.PolicyFactory(status=status)
    refused(house, claim, other.drone.serial, "has a care plan of its own")


def test_a_drone_that_was_handed_in_is_not_given_out(house, claim, now):
    handed_in = factories.DroneFactory(retired_at=now)
    refused(house, claim, handed_in.serial, "was handed in; it cannot go out again")


def test_another_model_is_not_given_out(house, claim, mavic_air):
    other = factories.DroneFactory(drone_model=mavic_air)
    refused(house, claim, other.serial, "is on file as a Mavic Air")


@pytest.mark.parametrize("text", ["", "1234", "0AXC/1234", "1.23E+15", "A" * 33, "0AXC\x0012345"])
def test_what_cannot_be_a_serial_is_refused(house, claim, text):
    before = everything_written()
    with pytest.raises(BadSerial):
        house.do(claim, "ship", new_serial=text)
    assert everything_written() == before


def test_a_known_drone_without_a_plan_is_free(house, claim, policy):
    known = factories.DroneFactory(activated_at=datetime(2024, 1, 1, tzinfo=UTC))
    house.do(claim, "ship", new_serial=known.serial)
    policy.refresh_from_db()
    assert policy.drone == known
    known.refresh_from_db()
    assert known.activated_at == ACTIVATED  # the warranty it takes over, not its own


def test_a_refurbished_drone_in_its_new_life_is_free(house, claim, policy):
    # Its earlier plan began later than the one that comes to it now.
    begun = datetime(2026, 2, 1, tzinfo=UTC)
    earlier = factories.PolicyFactory(status="expired", starts_at=begun)
    Drone.objects.filter(pk=earlier.drone_id).update(life=2)
    house.do(claim, "ship", new_serial=earlier.drone.serial, condition="refurbished")
    policy.refresh_from_db()
    assert (policy.drone_id, policy.drone_life) == (earlier.drone_id, 2)
    assert cover.cover_on(earlier.drone.serial, at=house.now).policy == policy


def test_a_drone_whose_order_was_cancelled_before_its_plan_began_is_free(house, claim, policy):
    cancelled = factories.PolicyFactory(
        status="cancelled",
        cancelled_at=datetime(2026, 2, 1, tzinfo=UTC),
        cancel_reason="Order cancelled",
        starts_at=datetime(2026, 2, 2, tzinfo=UTC),
    )
    house.do(claim, "ship", new_serial=cancelled.drone.serial)
    assert cover.cover_on(cancelled.drone.serial, at=house.now).policy == policy


# --- the new serial counts as covered (B4) ---------------------------------------------


def binding_of(serial: str, now) -> list[str]:
    code = factories.ActivationCodeFactory(sold=True)
    application = binding.Application(
        serial=serial, name="Ben Ortiz", email="ben@example.com", country="US"
    )
    with pytest.raises(Refused) as no:
        binding.bind_by_code(factories.whole(code), application, actor=CUSTOMER, now=now)
    return [reason.code for reason in no.value.verdict.objections if reason.rule == "B4"]


def test_neither_the_new_nor_the_old_serial_can_be_bound_again(house, claim, policy):
    house.do(claim, "ship", new_serial=NEW_SERIAL)
    house.do(claim, "complete")
    assert binding_of(NEW_SERIAL, house.now) == ["has_policy"]
    assert binding_of(SERIAL, house.now) == ["retired"]
    assert binding_of(NEW_SERIAL, policy.ends_at) == ["had_policy"]


# --- a warranty repair -------------------------------------------------------------------


def test_a_warranty_repair_sends_the_same_serial_back(house, policy, repair):
    house.do(repair, "ship", new_serial="0axc-ann-0000001", tracking_number="OUT2")
    repair = fresh(repair)
    assert (repair.progress, repair.replacement) == ("shipped", policy.drone)
    policy.refresh_from_db()
    assert (policy.drone.serial, policy.drone.retired_at) == (SERIAL, None)
    assert not PolicyEvent.objects.filter(kind="moved").exists()
    assert left(policy) == 2
    assert Shipment.objects.get(direction="outbound").tracking_number == "OUT2"


def test_a_warranty_replacement_moves_the_policy_and_costs_nothing(house, policy, repair):
    house.do(repair, "ship", new_serial=NEW_SERIAL)
    policy.refresh_from_db()
    assert policy.drone.serial == NEW_SERIAL
    assert Drone.objects.get(serial=SERIAL).retired_at is not None
    assert left(policy) == 2


def test_a_care_replacement_overruled_from_a_defect_is_another_drone(house, policy):
    claim = house.claim_at("assessed", policy, cause="product_defect")
    house.do(claim, "overrule", outcome="care")
    claim = house.take(claim, "pay")
    refused(house, claim, SERIAL, "cannot have the serial number of the damaged drone")


def test_nothing_is_shipped_twice(house, policy, claim):
    house.do(claim, "ship", new_serial=NEW_SERIAL)
    refused(house, claim, "0AXCNEW0000002", "the claim stands at “Replacement on its way”")


def test_nothing_is_shipped_before_it_is_prepared(house, policy):
    claim = house.claim_at("received", policy, cause="product_defect")
    refused(house, claim, NEW_SERIAL, "the claim stands at “Arrived at the service centre”")
    assert not Drone.objects.filter(serial=NEW_SERIAL).exists()


@pytest.fixture
def bens(mavic_2_pro) -> orders.Purchase:
    return orders.Purchase(
        reference="W-1",
        serial=NEW_SERIAL,
        drone_model=mavic_2_pro,
        plan=Plan.objects.get(code="care-1y"),
        name="Ben Ng",
        email="ben@example.com",
        country="US",
    )


def test_k9_a_drone_that_a_customer_has_ordered_is_not_free(house, claim, bens, now):
    order = orders.place(bens, actor=CUSTOMER, now=now)
    before = everything_written()
    with pytest.raises(Conflict, match="sold in an order that has not been shipped"):
        house.do(claim, "ship", new_serial=NEW_SERIAL)
    assert everything_written() == before
    orders.ship(order, shipped_at=now, actor=CUSTOMER, now=now)  # its plan begins in two days
    with pytest.raises(Conflict, match="has a care plan of its own"):
        house.do(claim, "ship", new_serial=NEW_SERIAL)


def test_k9_a_drone_is_free_whatever_else_customers_have_ordered(house, claim, bens, now):
    orders.place(replace(bens, serial="0AXCBENN000001"), actor=CUSTOMER, now=now)
    house.do(claim, "ship", new_serial=NEW_SERIAL)
    assert fresh(claim).replacement.serial == NEW_SERIAL


def test_k9_a_drone_whose_order_was_cancelled_is_free_again(house, claim, bens, now):
    order = orders.place(bens, actor=CUSTOMER, now=now)
    orders.cancel(order, reason="Changed his mind", actor=CUSTOMER, now=now)
    house.do(claim, "ship", new_serial=NEW_SERIAL)
    assert fresh(claim).replacement.serial == NEW_SERIAL


# --- a serial number mistyped at the shipment (K9) --------------------------------------------

RIGHT = "0AXCRIGHT00001"


@pytest.fixture
def out(house, claim):
    """Ships a replacement to Ann under NEW_SERIAL; to "completed", if told so."""

    def ship(state: str = "shipped"):
        house.do(claim, "ship", new_serial=NEW_SERIAL)
        return house.take(claim, "complete") if state == "completed" else fresh(claim)

    return ship


def correct(house, claim, serial: str = RIGHT) -> None:
    progress.correct_serial(
        claim, serial=serial, reason="Two letters swapped", actor=DESK, now=house.now
    )


@pytest.mark.parametrize("state", ["shipped", "completed"])
def test_k9_a_serial_mistyped_at_the_shipment_is_put_right(house, policy, out, state):
    claim = out(state)
    correct(house, claim)
    wrong, right = Drone.objects.get(serial=NEW_SERIAL), Drone.objects.get(serial=RIGHT)
    policy.refresh_from_db()
    assert (policy.drone, fresh(claim).replacement) == (right, right)
    assert cover.cover_on(NEW_SERIAL, at=house.now) is None
    assert cover.cover_on(RIGHT, at=house.now).replacements_left == 1
    assert (right.activated_at, right.activation_source) == (ACTIVATED, "dealer")
    # The wrong one was never covered: it may be bound, sold, sent out.
    assert (wrong.activated_at, wrong.activation_source, wrong.retired_at) == (None, "", None)
    assert not wrong.policies.exists()
    change = {"from": NEW_SERIAL, "to": RIGHT}
    for drone, kind in ((wrong, "mistyped"), (right, "corrected")):
        event = drone.events.get()
        assert (event.kind, event.note, event.actor) == (kind, "Two letters swapped", "claims desk")
        assert change.items() <= event.data.items()
    assert policy.events.get(kind="serial_corrected").change == f"{NEW_SERIAL} → {RIGHT}"
    assert (
        claim.events.latest("id").note
        == f"serial number {NEW_SERIAL} → {RIGHT}: Two letters swapped"
    )
    letter = Letter.objects.get(name="serial_corrected")
    said = outbox.render(letter).text
    assert f"it is {RIGHT}, and not {NEW_SERIAL}." in " ".join(said.split())


def test_k9_the_wrong_drone_gets_back_what_was_known_of_it(house, out):
    known = datetime(2025, 6, 1, 8, 0, tzinfo=UTC)
    factories.DroneFactory(serial=NEW_SERIAL, activated_at=known)
    claim = out()
    assert Drone.objects.get(serial=NEW_SERIAL).activated_at == ACTIVATED
    factories.DroneFactory(serial=RIGHT, activated_at=known)
    correct(house, claim)
    assert Drone.objects.get(serial=NEW_SERIAL).activated_at == known
    # A correction may be wrong itself.
    correct(house, claim, "0AXCRIGHT00002")
    assert Drone.objects.get(serial=RIGHT).activated_at == known


def test_k9_a_used_up_plan_is_put_right_until_its_term_ends(house, policy):
    policy.periods.update(replacements=1)
    claim = house.claim_at("completed", policy)
    house.now = policy.ends_at - timedelta(microseconds=1)
    correct(house, claim)
    house.now = policy.ends_at
    with pytest.raises(Conflict, match="The term of this policy is over"):
        correct(house, claim, "0AXCRIGHT00002")


def test_k9_a_repair_that_came_back_puts_the_customers_own_drone_right(house, policy, repair):
    house.do(repair, "ship", new_serial=NEW_SERIAL)
    correct(house, repair, SERIAL)
    policy.refresh_from_db()
    assert policy.drone.serial == fresh(repair).replacement.serial == SERIAL
    assert policy.drone.retired_at is None


@pytest.mark.parametrize(
    ("serial", "sentence"),
    [
        (SERIAL, "cannot have the serial number of the damaged drone"),
        (NEW_SERIAL, "has this serial number already"),
        ("0AXCTAKEN00001", "has a care plan of its own"),
    ],
)
def test_k9_only_a_free_drone_is_put_in_its_place(house, out, serial, sentence):
    claim = out()
    factories.PolicyFactory(drone=factories.DroneFactory(serial="0AXCTAKEN00001"))
    with pytest.raises(Conflict, match=sentence):
        correct(house, claim, serial)
    assert fresh(claim).replacement.serial == NEW_SERIAL


def test_k9_nothing_is_put_right_where_nothing_went_out_or_the_policy_has_gone_on(house, policy):
    first = house.claim_at("preparing", policy)
    with pytest.raises(Conflict, match="No replacement of this claim"):
        correct(house, first)
    first = house.take(first, "ship", "complete")
    policy.refresh_from_db()
    second = house.claim_at("received", policy)
    with pytest.raises(Conflict, match="There is an open claim"):
        correct(house, first)
    house.take(second, "assess", "ask_fee", "pay")
    house.do(second, "ship", new_serial="0AXCSECOND0001")
    with pytest.raises(Conflict, match="No replacement of this claim"):
        correct(house, first)


# --- a look at the serial number before it is believed (B12) ---------------------

NOT_IN_STOCK = "No drone with it is on file, and others of its model are, unsold."
OF_ANOTHER = "It is one of a model of 2021 or later, and this model is older."


@pytest.mark.parametrize(
    ("serial", "doubt"), [(NEW_SERIAL, NOT_IN_STOCK), ("1581F" + "7" * 15, OF_ANOTHER)]
)
def test_b12_a_replacement_that_looks_wrong_goes_out_once_it_is_repeated(
    house, claim, serial, doubt
):
    if doubt == NOT_IN_STOCK:
        factories.DroneFactory()
    before = everything_written()
    with pytest.raises(SerialDoubted, match=doubt):
        house.do(claim, "ship", new_serial=serial)
    with pytest.raises(SerialDoubted, match=doubt):
        house.do(claim, "ship", new_serial=serial, serial_confirmed="0AXCANOTHER1")
    assert everything_written() == before
    house.do(claim, "ship", new_serial=serial, serial_confirmed=serial)
    assert fresh(claim).replacement.serial == serial


def test_b12_a_replacement_from_stock_goes_out_unasked(house, claim):
    stock = factories.DroneFactory()
    house.do(claim, "ship", new_serial=stock.serial)
    assert fresh(claim).replacement == stock


def test_b12_the_corrected_serial_of_a_replacement_is_looked_at_too(house, claim):
    house.do(claim, "ship", new_serial=NEW_SERIAL)
    factories.DroneFactory()
    words = {"serial": "0AXCRIGHT00001", "reason": "Typo"}
    with pytest.raises(SerialDoubted, match=NOT_IN_STOCK):
        house.do(claim, "correct_serial", **words)
    house.do(claim, "correct_serial", serial_confirmed="0AXCRIGHT00001", **words)
    assert fresh(claim).replacement.serial == "0AXCRIGHT00001"


def test_b12_a_repair_sends_the_customers_own_drone_back_unasked(house, repair, policy):
    factories.DroneFactory()
    Drone.objects.filter(pk=policy.drone_id).update(serial="1581F" + "7" * 15)
    house.do(repair, "ship", new_serial="1581F" + "7" * 15)
    assert fresh(repair).replacement == policy.drone
