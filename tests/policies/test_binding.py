"""Binding: from a code to a policy (B1-B5, B7, B8, B10, B11)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from policies import binding, codes, drones, transfer
from policies.binding import Application
from policies.models import (
    ActivationStatement,
    BindingPermit,
    CodeEvent,
    Customer,
    Drone,
    DroneEvent,
    Letter,
    Period,
    Plan,
    Policy,
    PolicyEvent,
    Region,
)
from policies.rules import code_format, terms
from policies.shared.errors import CodeRefused, Conflict, Refused
from tests import factories
from tests.pages import token

SERIAL = "0AXCE1K0030100"
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def application(mavic_2_pro) -> Application:
    """Ann's new drone, never flown; the house has not heard of its serial."""
    return Application(
        serial=SERIAL,
        name="Ann Lee",
        email="ann@example.com",
        country="US",
        drone_model=mavic_2_pro,
    )


@pytest.fixture
def bind(sold_code, application, visitor, now):
    """Types Ann's code into the form, with some fields changed."""

    def submit(text: str | None = None, **fields) -> Policy:
        asked = Application(**(vars(application) | fields))
        return binding.bind_by_code(
            text or factories.whole(sold_code), asked, actor=visitor, now=now
        )

    return submit


def everything_written() -> dict[str, int]:
    tables = (Policy, Period, PolicyEvent, CodeEvent, Drone, Customer, Letter)
    return {model.__name__: model.objects.count() for model in tables}


def refused(bind, **fields) -> list[tuple[str, str]]:
    """The objections; and sees to it that a refused binding wrote nothing at all."""
    before = everything_written()
    with pytest.raises(Refused) as no:
        bind(**fields)
    assert everything_written() == before
    return [(reason.rule, reason.code) for reason in no.value.verdict.objections]


# --- the story (B8) ----------------------------------------------------------


def test_a_code_becomes_a_policy_that_starts_at_once(
    bind, sold_code, ann, care_1y, us, mavic_2_pro, now
):
    policy = bind()

    assert (policy.plan, policy.region, policy.holder) == (care_1y, us, ann)
    assert (policy.drone.serial, policy.drone.drone_model) == (SERIAL, mavic_2_pro)
    assert policy.status == "active"
    assert policy.starts_at == datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
    # Eleven o'clock in New York again, a year on: but then it is winter time still.
    assert policy.ends_at == datetime(2027, 3, 10, 16, 0, tzinfo=UTC)
    assert policy.is_in_force(at=now)
    assert policy.replacements_left() == 2
    assert list(Policy.objects.in_force(at=now)) == [policy]
    assert policy.number.startswith("POL-")
    assert len(token(policy)) == 43
    assert codes.is_redeemed(sold_code)


def test_the_period_keeps_the_terms_that_the_code_was_sold_with(bind, sold_code):
    Plan.objects.filter(code="care-1y").update(months=6, replacements=1)
    Region.objects.filter(code="US").update(binding_window_hours=1)
    policy = bind()
    period = policy.periods.get()
    assert (period.number, period.code, period.plan_id) == (1, sold_code, policy.plan_id)
    assert (period.starts_at, period.ends_at) == (policy.starts_at, policy.ends_at)
    assert (period.months, period.replacements, period.warranty_months) == (12, 2, 0)
    assert period.binding_window_hours == 48
    assert policy.ends_at == datetime(2027, 3, 10, 16, 0, tzinfo=UTC)


def test_policy_and_code_both_keep_an_event(bind, sold_code, now):
    policy = bind()
    bound = PolicyEvent.objects.get(policy=policy)
    assert (bound.kind, bound.at, bound.actor, bound.by) == ("bound", now, "customer", None)
    assert bound.address == "198.51.100.7"
    assert bound.data == {"serial": SERIAL, "rules": ["B1", "B5"]}
    redeemed = CodeEvent.objects.get(code=sold_code)
    assert (redeemed.kind, redeemed.at, redeemed.note) == ("redeemed", now, policy.number)


def test_one_letter_carries_the_whole_agreement(bind):
    policy = bind()
    letter = Letter.objects.get()
    assert (letter.name, letter.recipient, letter.policy) == (
        "policy_bound", "ann@example.com", policy)  # fmt: skip
    facts = letter.context
    assert facts["number"] == policy.number
    assert facts["link"] == policy.links.get().pk
    assert (facts["plan"], facts["drone_model"], facts["serial"]) == (
        "1-Year", "Mavic 2 Pro", SERIAL)  # fmt: skip
    assert facts["ends_at"] == "2027-03-10T16:00:00+00:00"
    assert facts["replacements"] == 2
    assert facts["parts"] == ["aircraft", "gimbal", "camera", "battery", "propellers"]
    assert len(facts["exclusions"]) == 4
    assert (facts["fees"], facts["currency"]) == (["119.00", "139.00"], "USD")


def test_a_two_year_plan_runs_for_24_months_with_three_replacements(bind, care_2y, ann):
    batch = factories.CodeBatchFactory(plan=care_2y)
    code = factories.ActivationCodeFactory(batch=batch, sold=True)
    policy = bind(factories.whole(code))
    assert policy.ends_at == datetime(2028, 3, 10, 16, 0, tzinfo=UTC)
    assert policy.replacements_left() == 3
    assert Letter.objects.get().context["fees"] == ["119.00", "139.00", "139.00"]


def test_the_code_may_be_typed_carelessly(bind, sold_code):
    careless = factories.whole(sold_code).lower().replace("-", " ")
    assert bind(careless).periods.get().code == sold_code


def test_another_person_than_the_buyer_may_use_the_code(bind, ann):
    policy = bind(name="Ben Ortiz", email=" Ben@Example.com ")
    assert policy.holder != ann
    assert (policy.holder.name, policy.holder.email) == ("Ben Ortiz", "ben@example.com")
    assert Letter.objects.get().recipient == "ben@example.com"


# --- the code ----------------------------------------------------------------


def test_a_code_is_used_once(bind, sold_code):
    bind()
    before = everything_written()
    with pytest.raises(CodeRefused):
        bind(serial="0AXCE1K0030200")
    assert everything_written() == before


def test_a_code_that_cannot_be_used_writes_nothing_and_tells_nothing_of_the_drone(bind):
    covered = factories.PolicyFactory().drone
    unknown = next(codes.new_codes(1))
    unsold = factories.whole(factories.ActivationCodeFactory())
    before = everything_written()
    for text in (unknown, unsold):
        for serial in (SERIAL, covered.serial):
            with pytest.raises(CodeRefused) as no:
                bind(text, serial=serial)
            assert str(no.value) == ""
    assert everything_written() == before


def test_a_mistyped_code_is_told_before_anything_else(bind):
    before = everything_written()
    with pytest.raises(code_format.Mistyped):
        bind("2222-2222-2222-2223")
    assert everything_written() == before


# --- activation and the window (B1, B2, B11) ---------------------------------


@pytest.mark.parametrize(
    "since_activation",
    [timedelta(0), timedelta(hours=47, minutes=59, seconds=59),
     timedelta(hours=48, microseconds=-1), timedelta(hours=48)],
)  # fmt: skip
def test_an_activated_drone_is_bound_up_to_the_last_instant_of_the_window(
    bind, now, since_activation
):
    factories.DroneFactory(serial=SERIAL, activated_at=now - since_activation)
    policy = bind()
    assert PolicyEvent.objects.get(policy=policy).data["rules"] == ["B2", "B5"]


@pytest.mark.parametrize(
    "late", [timedelta(microseconds=1), timedelta(seconds=1), timedelta(days=9)]
)
def test_after_the_window_it_is_refused(bind, now, late):
    factories.DroneFactory(serial=SERIAL, activated_at=now - timedelta(hours=48) - late)
    assert refused(bind) == [("B2", "window_passed")]


@pytest.mark.parametrize(
    ("stated", "now_in_new_york", "allowed"),
    [
        # Over the night of 8 March, when two in the morning is skipped.
        ("2026-03-07T10:00", "2026-03-09T11:00:00", True),
        ("2026-03-07T10:00", "2026-03-09T11:00:01", False),
        # Over the night of 1 November, when the hour after one comes twice.
        ("2026-10-31T10:00", "2026-11-02T09:00:00", True),
        ("2026-10-31T10:00", "2026-11-02T09:00:01", False),
        ("2026-10-31T10:00", "2026-11-02T10:00:00", False),
    ],
)
@pytest.mark.parametrize("zone", [UTC, NEW_YORK])
def test_the_window_is_48_real_hours_over_a_change_of_the_clocks(
    sold_code, application, visitor, stated, now_in_new_york, allowed, zone
):
    # The form hands over what the customer states in the zone of the region.
    activated_at = datetime.fromisoformat(stated).replace(tzinfo=NEW_YORK).astimezone(zone)
    at = datetime.fromisoformat(now_in_new_york).replace(tzinfo=NEW_YORK).astimezone(UTC)
    asked = Application(**(vars(application) | {"activated_at": activated_at}))

    def submit():
        return binding.bind_by_code(factories.whole(sold_code), asked, actor=visitor, now=at)

    if allowed:
        assert submit().starts_at == at
    else:
        with pytest.raises(Refused):
            submit()


def test_the_window_is_the_one_that_the_code_was_sold_with(bind, now, ann):
    Region.objects.filter(code="US").update(binding_window_hours=96)
    code = factories.ActivationCodeFactory(sold=True)
    Region.objects.filter(code="US").update(binding_window_hours=48)
    factories.DroneFactory(serial=SERIAL, activated_at=now - timedelta(hours=96))
    assert refused(bind) == [("B2", "window_passed")]  # sold with 48
    assert bind(factories.whole(code)).status == "active"  # sold with 96


def test_where_nobody_knows_the_customers_word_counts_and_is_kept_as_such(bind, now):
    factories.DroneFactory(serial=SERIAL)
    stated = now - timedelta(hours=3)
    policy = bind(activated_at=stated)
    drone = Drone.objects.get(serial=SERIAL)
    assert (drone.activated_at, drone.activation_source) == (stated, "customer")
    assert PolicyEvent.objects.get(policy=policy).data["rules"] == ["B11", "B2", "B5"]


def test_what_the_dealer_knows_is_not_overruled_by_the_customer(bind, now):
    known = now - timedelta(days=30)
    factories.DroneFactory(serial=SERIAL, activated_at=known)
    assert refused(bind, activated_at=now - timedelta(hours=1)) == [("B2", "window_passed")]
    drone = Drone.objects.get(serial=SERIAL)
    assert (drone.activated_at, drone.activation_source) == (known, "dealer")


def test_a_customer_does_not_harm_herself_against_what_the_dealer_knows(bind, now):
    known = now - timedelta(hours=1)
    factories.DroneFactory(serial=SERIAL, activated_at=known)
    bind(activated_at=now - timedelta(days=30))
    assert Drone.objects.get(serial=SERIAL).activated_at == known


def test_b11_a_refused_statement_leaves_the_drone_as_it_was(bind, now):
    factories.DroneFactory(serial=SERIAL)
    assert refused(bind, activated_at=now - timedelta(days=3)) == [("B2", "window_passed")]
    drone = Drone.objects.get(serial=SERIAL)
    assert (drone.activated_at, drone.activation_source) == (None, "")


def test_a_stated_activation_in_the_future_is_refused(bind, now):
    assert refused(bind, activated_at=now + timedelta(minutes=1)) == [
        ("B11", "activated_in_future")
    ]


# --- what was stated before (B11) ---------------------------------------------


def test_b11_what_was_stated_is_kept_though_the_binding_was_refused(bind, sold_code, now):
    three_days_ago = now - timedelta(days=3)
    assert refused(bind, activated_at=three_days_ago, zone=ZoneInfo("Asia/Tokyo")) == [
        ("B2", "window_passed")
    ]
    assert not Drone.objects.exists()  # a refusal puts no drone on file
    kept = ActivationStatement.objects.get()
    assert (kept.serial, kept.activated_at, kept.at) == (SERIAL, three_days_ago, now)
    assert (kept.email, kept.code, kept.time_zone) == ("ann@example.com", sold_code, "Asia/Tokyo")
    assert (kept.actor, kept.address) == ("customer", "198.51.100.7")


def test_b11_who_then_says_not_yet_is_answered_by_the_statement(bind, now):
    refused(bind, activated_at=now - timedelta(days=3))
    with pytest.raises(Refused) as no:
        bind()
    [objection] = no.value.verdict.objections
    assert objection.code == "window_passed"
    assert str(objection.said) == (
        "We were told on 10 March 2026, 11:00 (New York time) that this drone was activated on "
        "7 March 2026, 10:00 (New York time), and that counts. If it is wrong, please contact us. "
        "A plan can start within 48 hours of the activation; that was until 9 March 2026, 11:00 "
        "(New York time). A video that shows the drone in good order can make it possible again."
    )
    assert [str(reason) for reason in no.value.verdict.reasons if reason.rule == "B11"] == [
        "It was stated on 10 March 2026, 11:00 EDT that the drone was activated on "
        "7 March 2026, 10:00 EST."
    ]


def test_b11_a_better_time_does_not_help_either(bind, now):
    refused(bind, activated_at=now - timedelta(days=3))
    assert refused(bind, activated_at=now - timedelta(hours=1)) == [("B2", "window_passed")]


def test_b11_it_counts_for_every_code_and_everybody(bind, now):
    refused(bind, activated_at=now - timedelta(days=3))
    another = factories.whole(factories.ActivationCodeFactory(sold=True))
    assert refused(bind, text=another, email="ben@example.com") == [("B2", "window_passed")]


def test_b11_within_the_window_it_is_the_activation_of_the_drone(bind, now):
    hour_ago = now - timedelta(hours=1)
    refused(bind, activated_at=hour_ago, country="DE")
    drone = bind().drone
    assert (drone.activated_at, drone.activation_source) == (hour_ago, "customer")


def test_b11_what_is_said_before_the_model_is_asked_counts_too(bind, now):
    with pytest.raises(binding.ModelNeeded):
        bind(drone_model=None, activated_at=now - timedelta(days=3))
    assert refused(bind) == [("B2", "window_passed")]


def test_b11_without_a_redeemable_code_nobody_states_anything(bind, sold_code, now):
    days_ago = now - timedelta(days=9)
    for text in (next(codes.new_codes(1)), factories.whole(factories.ActivationCodeFactory())):
        with pytest.raises(CodeRefused):
            bind(text, activated_at=days_ago, email="eve@example.com")
    assert not ActivationStatement.objects.exists()
    assert bind().drone.activated_at is None


def test_b11_a_code_for_another_model_closes_nobodys_window(bind, mavic_air, now):
    batch = factories.CodeBatchFactory(drone_model=mavic_air)
    cheap = factories.whole(factories.ActivationCodeFactory(batch=batch, sold=True))
    refused(bind, text=cheap, activated_at=now - timedelta(days=9))
    assert bind().drone.activated_at is None


def test_b11_an_activation_yet_to_come_is_a_slip_and_not_kept(bind, now):
    refused(bind, activated_at=now + timedelta(days=1))
    assert not ActivationStatement.objects.exists()


def test_b11_what_the_dealer_knows_goes_before_what_customers_stated(bind, now):
    refused(bind, activated_at=now - timedelta(days=3))
    factories.DroneFactory(serial=SERIAL, activated_at=now - timedelta(hours=2))
    assert bind().status == "active"


@pytest.mark.parametrize("known", [None, timedelta(hours=5)])
def test_b11_it_counts_until_staff_correct_it_with_a_reason(bind, desk, clerk, now, known):
    refused(bind, activated_at=now - timedelta(days=3))
    drone = drones.correct_statement(
        ActivationStatement.objects.get(),
        activated_at=known and now - known,
        reason="Invoice shown",
        actor=desk,
        now=now,
    )
    event = DroneEvent.objects.get(drone=drone)
    assert (event.kind, event.note, event.by, event.at) == (
        "activation_set", "Invoice shown", clerk, now)  # fmt: skip
    assert bind().drone.activated_at == (known and now - known)


def test_b11_what_is_stated_after_the_correction_counts_again(bind, desk, now):
    drone = factories.DroneFactory(serial=SERIAL)
    before = now - timedelta(hours=1)
    drones.set_activation(drone, activated_at=None, reason="New", actor=desk, now=before)
    refused(bind, activated_at=now - timedelta(days=3))
    assert refused(bind) == [("B2", "window_passed")]


def test_b11_staff_record_no_activation_that_is_yet_to_come(desk, mavic_2_pro, now):
    soon = now + timedelta(seconds=1)
    drone = factories.DroneFactory()
    with pytest.raises(drones.NotYet, match="cannot lie in the future"):
        drones.set_activation(drone, activated_at=soon, reason="Slip", actor=desk, now=now)
    with pytest.raises(drones.NotYet):
        drones.register(serial=SERIAL, drone_model=mavic_2_pro, activated_at=soon, now=now)
    assert not Drone.objects.filter(serial=SERIAL).exists()


def test_b11_the_desk_is_judged_by_the_same_statements(sold_code, application, bind, desk, now):
    refused(bind, activated_at=now - timedelta(days=3))
    with pytest.raises(Refused):
        binding.bind_at_desk(sold_code, application, actor=desk, now=now)


def test_b11_who_answers_neither_is_asked_unless_the_code_renews(
    bind, application, refresh_plus, visitor, now
):
    with pytest.raises(binding.ActivationNeeded):
        bind(answers_activation=False)
    bind()
    batch = factories.CodeBatchFactory(plan=refresh_plus)
    renewing = factories.whole(factories.ActivationCodeFactory(batch=batch, sold=True))
    assert bind(renewing, answers_activation=False).periods.count() == 2


# --- permits (B3) ------------------------------------------------------------


@pytest.fixture
def old_drone(now):
    """In the air since last autumn."""
    return factories.DroneFactory(serial=SERIAL, activated_at=now - timedelta(days=150))


def test_a_permit_opens_the_door_once(bind, old_drone, now):
    permit = factories.BindingPermitFactory(drone=old_drone, opened_at=now - timedelta(hours=1))
    policy = bind()
    permit.refresh_from_db()
    assert permit.used_for == policy
    assert PolicyEvent.objects.get(policy=policy).data["rules"] == ["B3", "B5"]


@pytest.mark.parametrize(
    ("opened", "allowed"),
    [
        (timedelta(0), True),
        (timedelta(hours=72), True),
        (timedelta(hours=72, microseconds=1), False),
        (timedelta(microseconds=-1), False),  # not open yet
    ],
)
def test_a_permit_counts_from_its_first_instant_to_its_last(bind, old_drone, now, opened, allowed):
    permit = factories.BindingPermitFactory(drone=old_drone, opened_at=now - opened)
    if allowed:
        assert bind().status == "active"
    else:
        assert refused(bind) == [("B2", "window_passed")]
    permit.refresh_from_db()
    assert (permit.used_for is not None) is allowed
    assert terms.permit_open(permit.opened_at, permit.deadline_at, at=now) is allowed


def test_a_permit_that_was_used_is_used_up(bind, old_drone, now):
    earlier = factories.PolicyFactory()
    factories.BindingPermitFactory(drone=old_drone, opened_at=now, used_for=earlier)
    assert refused(bind) == [("B2", "window_passed")]


def test_a_permit_of_another_drone_opens_nothing(bind, old_drone, now):
    factories.BindingPermitFactory(opened_at=now)
    assert refused(bind) == [("B2", "window_passed")]


def test_a_permit_that_is_not_needed_is_kept(bind, now):
    drone = factories.DroneFactory(serial=SERIAL, activated_at=now - timedelta(hours=1))
    factories.BindingPermitFactory(drone=drone, opened_at=now)
    bind()
    assert BindingPermit.objects.get().used_for is None


def test_of_two_permits_the_one_that_is_open_counts(bind, old_drone, now):
    factories.BindingPermitFactory(drone=old_drone, opened_at=now - timedelta(days=9))
    still_open = factories.BindingPermitFactory(drone=old_drone, opened_at=now)
    policy = bind()
    assert BindingPermit.objects.get(used_for=policy) == still_open


# --- one policy in a drone's life (B4, B5) -----------------------------------


def test_a_drone_with_a_running_policy_gets_no_other(bind):
    drone = factories.DroneFactory(serial=SERIAL)
    factories.PolicyFactory(drone=drone)
    assert refused(bind) == [("B4", "has_policy")]


@pytest.mark.parametrize("ended", ["expired", "cancelled"])
def test_a_drone_that_ever_had_a_policy_gets_no_other(bind, now, ended):
    drone = factories.DroneFactory(serial=SERIAL)
    over = {"starts_at": now - timedelta(days=366), "ends_at": now - timedelta(days=1)}
    cancelled = {"cancelled_at": now, "cancel_reason": "Sold"}
    facts = cancelled if ended == "cancelled" else over
    factories.PolicyFactory(drone=drone, status=ended, **facts)
    assert refused(bind) == [("B4", "had_policy")]


def test_a_drone_that_was_handed_in_gets_no_policy(bind, now):
    factories.DroneFactory(serial=SERIAL, retired_at=now - timedelta(days=1))
    assert refused(bind) == [("B4", "retired")]


def test_a_refurbished_drone_starts_a_new_life(bind):
    drone = factories.DroneFactory(serial=SERIAL)
    factories.PolicyFactory(drone=drone, status="expired")
    drone.life = 2
    drone.save()
    policy = bind()
    assert (policy.drone_life, policy.drone) == (2, drone)


def test_a_used_drone_that_never_had_a_policy_is_bound_within_its_window(bind, now):
    factories.DroneFactory(serial=SERIAL, activated_at=now - timedelta(hours=47))
    assert bind().status == "active"


# --- code, model, plan, region (B7) ------------------------------------------


def test_a_code_for_another_model_is_refused_by_name(bind, mavic_air):
    with pytest.raises(Refused) as no:
        bind(drone_model=mavic_air)
    assert str(no.value) == "This code is for the Mavic 2 Pro, and the drone is a Mavic Air."
    assert refused(bind, drone_model=mavic_air) == [("B7", "wrong_model")]


def test_the_model_on_file_counts_more_than_the_one_named(bind, mavic_2_pro, mavic_air):
    factories.DroneFactory(serial=SERIAL, drone_model=mavic_air)
    assert refused(bind, drone_model=mavic_2_pro) == [("B7", "wrong_model")]


@pytest.mark.parametrize("country", ["CA", "DE", "BR"])
def test_a_customer_of_another_region_is_told_which_region_the_code_is_for(bind, country):
    with pytest.raises(Refused) as no:
        bind(country=country)
    assert str(no.value) == "This code is for customers in the region United States."
    assert refused(bind, country=country) == [("B7", "wrong_region")]


def test_every_country_of_the_region_will_do(bind):
    assert bind(country="PR").holder.country == "PR"


def test_a_code_of_a_renewal_starts_no_policy(bind, refresh_plus):
    batch = factories.CodeBatchFactory(plan=refresh_plus)
    code = factories.ActivationCodeFactory(batch=batch, sold=True)
    with pytest.raises(Conflict, match="renews a plan, and we find none"):
        bind(text=factories.whole(code))
    assert not Policy.objects.exists()


def test_every_reason_is_given_at_once(bind, mavic_air, now):
    drone = factories.DroneFactory(
        serial=SERIAL, drone_model=mavic_air, activated_at=now - timedelta(days=3)
    )
    factories.PolicyFactory(drone=drone)
    assert refused(bind, country="CA") == [
        ("B7", "wrong_model"),
        ("B7", "wrong_region"),
        ("B4", "has_policy"),
        ("B2", "window_passed"),
    ]


def test_a_refusal_leaves_the_code_as_good_as_before(bind, mavic_air):
    refused(bind, drone_model=mavic_air)
    assert bind().status == "active"


# --- serials that nobody knows -----------------------------------------------


def test_an_unknown_serial_needs_its_model(bind):
    before = everything_written()
    with pytest.raises(binding.ModelNeeded):
        bind(drone_model=None)
    assert everything_written() == before


def test_a_known_serial_needs_no_model(bind):
    factories.DroneFactory(serial=SERIAL)
    assert bind(drone_model=None).drone.serial == SERIAL


# --- the desk ----------------------------------------------------------------


def test_staff_bind_a_code_from_the_list(sold_code, application, desk, clerk, now):
    policy = binding.bind_at_desk(sold_code, application, actor=desk, now=now)
    assert policy.periods.get().code == sold_code
    event = PolicyEvent.objects.get(policy=policy)
    assert (event.actor, event.by) == ("clerk", clerk)


@pytest.mark.parametrize("state", ["in stock", "void", "used"])
def test_staff_cannot_bind_what_is_not_sold_or_used(state, application, desk, now):
    sold = {"in stock": False, "void": False, "used": True}[state]
    code = factories.ActivationCodeFactory(sold=sold, void=state == "void")
    if state == "used":
        factories.PeriodFactory(code=code)
    before = everything_written()
    with pytest.raises(Conflict):
        binding.bind_at_desk(code, application, actor=desk, now=now)
    assert everything_written() == before


# --- the same form sent twice ------------------------------------------------


TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def again(sold_code, now):
    """Looks for what an earlier form with Ann's code, serial and e-mail has made."""

    def look(at=now, **other) -> Policy | None:
        asked = {"text": factories.whole(sold_code), "serial": SERIAL, "email": "ann@example.com"}
        asked |= other
        return binding.policy_bound_by(asked.pop("text"), **asked, now=at)

    return look


def test_c5_the_second_of_two_equal_forms_finds_the_policy_of_the_first(bind, sold_code, again):
    assert again() is None
    policy = bind()
    with pytest.raises(CodeRefused):
        bind()
    assert again(text=factories.whole(sold_code).lower(), email=" Ann@Example.com ") == policy


@pytest.mark.parametrize(
    "other", [{"serial": "0AXCE1K0030200"}, {"email": "ben@example.com"}, {"text": None}]
)
def test_who_differs_in_code_serial_or_address_finds_nothing(bind, again, other):
    bind()
    assert again(**{"text": next(codes.new_codes(1))} if "text" in other else other) is None


def test_c5_ten_minutes_after_its_redemption_a_used_code_is_a_used_code(bind, again, now):
    policy = bind()
    assert again(at=now + TEN_MINUTES) == policy
    assert again(at=now + TEN_MINUTES + timedelta(microseconds=1)) is None


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=1)])
def test_c5_t2_a_used_code_does_not_open_the_page_of_a_new_owner(bind, again, desk, now, later):
    policy = bind()
    facts = {"name": "Ben Ortiz", "country": "US", "phone": ""}
    transfer.change_owner(policy, **facts, email="ben@example.com", actor=desk, now=now + later)
    assert again(at=now + later) is None
    assert again(at=now + later, email="ben@example.com") is None


def test_c5_t2_a_code_that_renewed_takes_the_same_door(
    bind, again, refresh_plus, application, visitor, desk, now
):
    policy = bind()
    batch = factories.CodeBatchFactory(plan=refresh_plus)
    text = factories.whole(factories.ActivationCodeFactory(batch=batch, sold=True))
    in_may = now + timedelta(days=60)
    binding.bind_by_code(text, application, actor=visitor, now=in_may)
    assert again(text=text, at=in_may + TEN_MINUTES) == policy
    assert again(text=text, at=in_may + TEN_MINUTES + timedelta(seconds=1)) is None
    assert again(at=in_may) is None
    facts = {"name": "Ben Ortiz", "country": "US", "phone": ""}
    transfer.change_owner(policy, **facts, email="ben@example.com", actor=desk, now=in_may)
    assert again(text=text, email="ben@example.com", at=in_may) is None
