"""May this drone be bound (B1-B5, B7, B10, B11)? No database anywhere in this file."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from policies.rules.eligibility import BindingFacts, Statement, may_bind, may_bind_some_plan
from policies.rules.verdict import Reason, Verdict

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)

NEW_DRONE = BindingFacts(
    at=NOW,
    zone=ZoneInfo("America/New_York"),
    binding_window_hours=48,
    code_model="Mavic 2 Pro",
    drone_model="Mavic 2 Pro",
    code_region="United States",
    customer_region="United States",
)


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def given(**facts) -> BindingFacts:
    return replace(NEW_DRONE, **facts)


def said(facts: BindingFacts) -> tuple[bool, list[tuple[str, str]]]:
    verdict = may_bind(facts)
    return verdict.allowed, [(reason.rule, reason.code) for reason in verdict.reasons]


FIRST = ("B5", "first_policy")
NOT_ACTIVATED = ("B1", "not_activated")

ONE_RULE_AT_A_TIME = {
    "a drone that was never activated": (given(), True, [FIRST, NOT_ACTIVATED]),
    "a used drone within the window": (
        given(activated_at=hours_ago(47)), True, [FIRST, ("B2", "within_window")]),
    "the last instant of the window": (
        given(activated_at=hours_ago(48)), True, [FIRST, ("B2", "within_window")]),
    "a microsecond after the window": (
        given(activated_at=hours_ago(48) - timedelta(microseconds=1)),
        False, [FIRST, ("B2", "window_passed")]),
    "another region's window still open": (
        given(activated_at=hours_ago(90), binding_window_hours=96),
        True, [FIRST, ("B2", "within_window")]),
    "another region's window closed": (
        given(activated_at=hours_ago(25), binding_window_hours=24),
        False, [FIRST, ("B2", "window_passed")]),
    "a permit after the window": (
        given(activated_at=hours_ago(500), permit_deadline_at=NOW + timedelta(hours=1)),
        True, [FIRST, ("B3", "permit")]),
    "the last instant of a permit": (
        given(activated_at=hours_ago(500), permit_deadline_at=NOW), True, [FIRST, ("B3", "permit")]),
    "a permit that has lapsed": (
        given(activated_at=hours_ago(500), permit_deadline_at=NOW - timedelta(microseconds=1)),
        False, [FIRST, ("B2", "window_passed")]),
    "a permit that is not needed": (
        given(activated_at=hours_ago(1), permit_deadline_at=NOW + timedelta(hours=1)),
        True, [FIRST, ("B2", "within_window")]),
    "the permit of a film, needed or not": (
        given(
            activated_at=hours_ago(1),
            permit_deadline_at=NOW + timedelta(hours=1),
            permit_by_film=True,
        ),
        True, [FIRST, ("B3", "permit")]),
    "a running policy": (
        given(had_policy=True, policy_running=True), False, [("B4", "has_policy"), NOT_ACTIVATED]),
    "a policy that has ended": (
        given(had_policy=True), False, [("B4", "had_policy"), NOT_ACTIVATED]),
    "a drone that was handed in": (
        given(retired=True, had_policy=True), False, [("B4", "retired"), NOT_ACTIVATED]),
    "a code for another model": (
        given(code_model="Mavic Air"), False, [("B7", "wrong_model"), FIRST, NOT_ACTIVATED]),
    "a customer in another region": (
        given(customer_region="Canada"), False, [("B7", "wrong_region"), FIRST, NOT_ACTIVATED]),
    "a customer where nobody serves": (
        given(customer_region=None), False, [("B7", "wrong_region"), FIRST, NOT_ACTIVATED]),
    "a code of a renewal": (
        given(plan_is_renewal=True), False, [("B7", "plan_renews"), FIRST, NOT_ACTIVATED]),
    "an activation stated by the customer": (
        given(activated_at=hours_ago(3), activation_stated_by_customer=True),
        True, [FIRST, ("B11", "activation_stated"), ("B2", "within_window")]),
    "a stated activation out of the window": (
        given(activated_at=hours_ago(49), activation_stated_by_customer=True),
        False, [FIRST, ("B11", "activation_stated"), ("B2", "window_passed")]),
    "an activation at this instant": (
        given(activated_at=NOW), True, [FIRST, ("B2", "within_window")]),
    "an activation that is yet to come": (
        given(activated_at=NOW + timedelta(microseconds=1)),
        False, [FIRST, ("B11", "activated_in_future")]),
    "a permit does not excuse an activation that is yet to come": (
        given(activated_at=NOW + timedelta(days=1), permit_deadline_at=NOW + timedelta(days=2)),
        False, [FIRST, ("B11", "activated_in_future")]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "allowed", "reasons"), ONE_RULE_AT_A_TIME.values(), ids=ONE_RULE_AT_A_TIME.keys()
)
def test_each_rule_speaks_for_itself(facts, allowed, reasons):
    assert said(facts) == (allowed, reasons)


def test_a_drone_alone_is_judged_before_anybody_has_chosen_a_code():
    verdict = may_bind_some_plan(
        given(
            plan_is_renewal=True,
            code_model="Mavic Air",
            customer_region="Canada",
            had_policy=True,
            activated_at=hours_ago(72),
        )
    )
    assert [reason.code for reason in verdict.objections] == ["had_policy", "window_passed"]


def test_every_objection_is_told_at_once():
    everything_wrong = given(
        plan_is_renewal=True,
        code_model="Mavic Air",
        customer_region="Canada",
        had_policy=True,
        policy_running=True,
        activated_at=hours_ago(72),
        activation_stated_by_customer=True,
        permit_deadline_at=hours_ago(1),
    )
    assert said(everything_wrong) == (
        False,
        [
            ("B7", "plan_renews"),
            ("B7", "wrong_model"),
            ("B7", "wrong_region"),
            ("B4", "has_policy"),
            ("B11", "activation_stated"),
            ("B2", "window_passed"),
        ],
    )
    objections = may_bind(everything_wrong).objections
    assert [reason.rule for reason in objections] == ["B7", "B7", "B7", "B4", "B2"]


def test_the_refusal_names_the_region_and_the_models():
    verdict = may_bind(given(code_model="Mavic Air", customer_region="Canada"))
    assert [str(reason) for reason in verdict.objections] == [
        "This code is for the Mavic Air, and the drone is a Mavic 2 Pro.",
        "This code is for customers in the region United States.",
    ]


def test_instants_are_told_on_the_clocks_of_the_region():
    # Activated at 11:00 on Saturday, 7 March; the clocks went forward on Sunday.
    late = may_bind(given(activated_at=datetime(2026, 3, 7, 16, 0, tzinfo=UTC)))
    assert [str(reason) for reason in late.objections] == [
        "The binding window closed on 9 March 2026, 12:00 EDT. "
        "A video verification can open it again."
    ]
    in_time = may_bind(given(activated_at=datetime(2026, 3, 9, 15, 0, tzinfo=UTC)))
    assert "open until 11 March 2026, 11:00 EDT" in str(in_time.reasons[-1])
    permitted = may_bind(
        given(
            activated_at=hours_ago(500),
            permit_deadline_at=datetime(2026, 3, 12, 4, 30, tzinfo=UTC),
            zone=ZoneInfo("Asia/Tokyo"),
        )
    )
    assert str(permitted.reasons[-1]) == "A binding permit is open until 12 March 2026, 13:30 JST."


# --- whose word the activation is (B11) ---------------------------------------

LONG_AGO = hours_ago(60)  # 22:00 on Saturday, 7 March, in New York
STATED = Statement(activated_at=LONG_AGO, stated_at=hours_ago(59))
FILMED = Statement(activated_at=LONG_AGO, stated_at=LONG_AGO, by_film=True)

# What staff read of it first of all, and what the customer reads when it was too long ago.
WORDS = {
    "the dealer's": (
        given(activated_at=LONG_AGO),
        "The binding window closed on 9 March 2026, 23:00 EDT. "
        "A video verification can open it again.",
        "As far as we know, the drone was activated on 7 March 2026, 22:00 (New York time).",
    ),
    "the customer's": (
        given(activated_at=LONG_AGO, activation_stated_by_customer=True),
        "The activation time is as stated by the customer.",
        "You say that the drone was activated on 7 March 2026, 22:00 (New York time).",
    ),
    "somebody's before": (
        given(activated_at=LONG_AGO, activation_stated_by_customer=True, statement=STATED),
        "It was stated on 7 March 2026, 23:00 EST "
        "that the drone was activated on 7 March 2026, 22:00 EST.",
        "We were told on 7 March 2026, 23:00 (New York time) that this drone was activated on "
        "7 March 2026, 22:00 (New York time), and that counts. "
        "If it is wrong, please contact us.",
    ),
    "a film's": (
        given(activated_at=LONG_AGO, activation_stated_by_customer=True, statement=FILMED),
        "A video shows the drone; it was activated on 7 March 2026, 22:00 EST at the latest.",
        "A video of this drone came in on 7 March 2026, 22:00 (New York time), "
        "so it has been activated since then at the latest.",
    ),
}


@pytest.mark.parametrize(("facts", "to_staff", "to_customer"), WORDS.values(), ids=WORDS)
def test_b11_the_answer_says_whose_word_it_is(facts, to_staff, to_customer):
    _first, known, *_rest = may_bind(facts).reasons
    assert str(known) == to_staff
    [passed] = may_bind(facts).objections
    assert str(passed.said) == (
        f"{to_customer} A plan can start within 48 hours of the activation; that was until "
        "9 March 2026, 23:00 (New York time). "
        "A video that shows the drone in good order can make it possible again."
    )


@pytest.mark.parametrize("statement", [STATED, FILMED])
def test_b11_what_was_said_before_is_no_objection(statement):
    facts = given(activated_at=LONG_AGO, activation_stated_by_customer=True, statement=statement)
    assert said(facts) == (False, [FIRST, ("B11", "stated_before"), ("B2", "window_passed")])


@pytest.mark.parametrize(
    ("by_customer", "to_customer"),
    [
        (
            True,
            "You say that the drone was activated on 10 March 2026, 12:00 (New York time). That "
            "has yet to come: it is 10 March 2026, 11:00 there now. "
            "Please check the day, the time and the clock.",
        ),
        (
            False,
            "As far as we know, the drone is activated on 10 March 2026, 12:00 (New York time), "
            "and that has yet to come. Please contact us.",
        ),
    ],
)
def test_b11_an_activation_that_is_yet_to_come_is_told_to_whoever_can_put_it_right(
    by_customer, to_customer
):
    facts = given(activated_at=hours_ago(-1), activation_stated_by_customer=by_customer)
    [future] = may_bind(facts).objections
    assert str(future) == "The activation time lies in the future."
    assert str(future.said) == to_customer


@pytest.mark.parametrize("in_the_way", ["retired", "had_policy"])
def test_no_video_is_offered_where_it_would_not_help(in_the_way):
    verdict = may_bind(given(activated_at=LONG_AGO, **{in_the_way: True}))
    _b4, passed = verdict.objections
    assert str(passed) == "The binding window closed on 9 March 2026, 23:00 EDT."
    assert str(passed.said).endswith("that was until 9 March 2026, 23:00 (New York time).")


# --- verdicts (B10) ----------------------------------------------------------

GOOD = Reason("B1", "not_activated", "The drone is not activated yet.", objects=False)
BAD = Reason("B4", "had_policy", "This drone has had a care plan before.")


def test_one_objection_makes_a_no():
    verdict = Verdict.of([GOOD, BAD])
    assert not verdict.allowed
    assert verdict.reasons == (GOOD, BAD)
    assert verdict.objections == (BAD,)


def test_reasons_without_an_objection_make_a_yes():
    verdict = Verdict.of([GOOD])
    assert verdict.allowed
    assert verdict.reasons == (GOOD,)
    assert verdict.objections == ()


def test_a_rule_that_has_nothing_to_say_leaves_no_trace():
    assert Verdict.of([None, GOOD, None]) == Verdict((GOOD,))
    assert Verdict.of([]).allowed


def test_a_verdict_knows_what_it_names():
    verdict = Verdict.of([GOOD, BAD])
    assert verdict.names("had_policy")
    assert verdict.names("not_activated")
    assert not verdict.names("B4")


def test_a_reason_reads_as_its_sentence():
    assert str(BAD) == "This drone has had a care plan before."
