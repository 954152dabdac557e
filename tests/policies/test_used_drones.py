"""Used, repaired and refurbished drones (B3-B6), and video verification (V1-V3)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from policies import binding, cover, drones, verification
from policies.binding import Application
from policies.models import BindingPermit, Drone, Letter, VerificationStep, VideoVerification
from policies.shared.actor import Actor
from policies.shared.errors import Conflict, Refused
from tests import factories

pytestmark = pytest.mark.django_db

HOUSE = Actor.command("test")
NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
DEADLINE = NOW + timedelta(hours=72)


@pytest.fixture
def old_drone(db):
    """Activated a week ago: its binding window is past."""
    return factories.DroneFactory(serial="0AXCUSED0001", activated_at=NOW - timedelta(days=7))


def bind(serial="0AXCUSED0001", at=NOW):
    code = factories.ActivationCodeFactory(sold=True)
    application = Application(serial=serial, name="Ann", email="ann@example.com", country="US")
    return binding.bind_at_desk(code, application, actor=HOUSE, now=at)


def refused(at=NOW) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as refusal:
        bind(at=at)
    return [(reason.rule, reason.code) for reason in refusal.value.verdict.objections]


def film(mavic_2_pro, **changed):
    sent = {
        "serial": "0AXCUSED0001",
        "drone_model": mavic_2_pro,
        "name": "Ann Lee",
        "email": "ann@example.com",
        "country": "US",
        "video_id": "dQw4w9WgXcQ",
    }
    return verification.Film(**sent | changed)


def every_step() -> list[str]:
    return list(VerificationStep.objects.values_list("slug", flat=True))


def approved(mavic_2_pro) -> BindingPermit:
    sent = verification.submit(film(mavic_2_pro), now=NOW)
    return verification.approve(sent, seen=every_step(), actor=HOUSE, now=NOW)


def test_b3_v2_an_approved_film_opens_the_door_for_72_hours(old_drone, mavic_2_pro):
    assert refused() == [("B2", "window_passed")]
    permit = approved(mavic_2_pro)
    assert permit.deadline_at == DEADLINE
    policy = bind(at=DEADLINE)  # the last instant still counts
    permit.refresh_from_db()
    assert permit.used_for == policy


def test_b3_after_the_deadline_the_door_is_shut_though_no_sweep_has_run(old_drone, mavic_2_pro):
    approved(mavic_2_pro)
    assert refused(at=DEADLINE + timedelta(microseconds=1)) == [("B2", "window_passed")]


def test_v3_what_is_not_used_lapses(old_drone, mavic_2_pro):
    permit = approved(mavic_2_pro)
    assert verification.lapse(now=DEADLINE) == 0
    assert verification.lapse(now=DEADLINE + timedelta(seconds=1)) == 1
    permit.refresh_from_db()
    assert permit.lapsed_at == DEADLINE + timedelta(seconds=1)
    assert VideoVerification.objects.get().state == "lapsed"
    assert verification.lapse(now=DEADLINE + timedelta(days=1)) == 0


def test_b3_v3_a_permit_marked_too_early_is_good_until_its_deadline(old_drone, mavic_2_pro):
    permit = approved(mavic_2_pro)
    assert verification.lapse(now=DEADLINE + timedelta(days=1)) == 1  # a clock that runs fast
    assert VideoVerification.objects.get().state == "lapsed"
    policy = bind(at=DEADLINE)
    permit.refresh_from_db()
    assert (permit.used_for, permit.lapsed_at) == (policy, None)
    assert VideoVerification.objects.get().state == "approved"
    assert verification.lapse(now=DEADLINE + timedelta(days=1)) == 0


def test_v3_one_open_verification_per_drone_and_email(mavic_2_pro):
    verification.submit(film(mavic_2_pro), now=NOW)
    with pytest.raises(Conflict, match="waiting to be watched"):
        verification.submit(film(mavic_2_pro, video_id="AAAAAAAAAAA"), now=NOW)


def test_v3_a_strangers_film_does_not_take_the_owners_place(mavic_2_pro):
    verification.submit(film(mavic_2_pro, email="eve@example.com"), now=NOW)
    verification.submit(film(mavic_2_pro), now=NOW)
    assert VideoVerification.objects.filter(state="submitted").count() == 2


def test_v3_an_approved_film_of_somebody_else_holds_up_nobody(old_drone, mavic_2_pro):
    stranger = verification.submit(film(mavic_2_pro, email="eve@example.com"), now=NOW)
    verification.approve(stranger, seen=every_step(), actor=HOUSE, now=NOW)
    verification.submit(film(mavic_2_pro), now=NOW)
    with pytest.raises(Conflict, match="has been approved"):
        verification.submit(film(mavic_2_pro, email="eve@example.com"), now=NOW)


def test_v2_a_film_is_approved_only_when_everything_was_seen(mavic_2_pro):
    sent = verification.submit(film(mavic_2_pro), now=NOW)
    seen = [slug for slug in every_step() if slug != "gimbal"]
    with pytest.raises(Conflict, match="does not show"):
        verification.approve(sent, seen=seen, actor=HOUSE, now=NOW)
    assert not BindingPermit.objects.exists()


def test_v2_either_way_a_letter_goes_out_and_it_is_decided_once(mavic_2_pro):
    sent = verification.submit(film(mavic_2_pro), now=NOW)
    verification.reject(sent, reason="Too dark", seen=[], actor=HOUSE, now=NOW)
    with pytest.raises(Conflict, match="decided about already"):
        verification.approve(sent, seen=every_step(), actor=HOUSE, now=NOW)
    approved(mavic_2_pro)
    assert list(Letter.objects.order_by("pk").values_list("name", flat=True)) == [
        "verification_received",
        "verification_rejected",
        "verification_received",
        "verification_approved",
    ]
    assert Letter.objects.latest("pk").context["deadline_at"] == DEADLINE.isoformat()


def test_b3_a_permit_after_an_official_repair(old_drone, us):
    verification.grant_after_repair(old_drone, region=us, note="R-5", actor=HOUSE, now=NOW)
    assert bind().drone == old_drone


def test_b4_no_permit_helps_a_drone_that_has_had_a_plan(us):
    policy = factories.PolicyFactory(drone=factories.DroneFactory(serial="0AXCUSED0001"))
    with pytest.raises(Conflict, match="with or without a permit"):
        verification.grant_after_repair(policy.drone, region=us, note="R", actor=HOUSE, now=NOW)


def test_b3_the_binding_that_follows_an_approved_film_uses_its_permit_up(mavic_2_pro):
    """Though nobody stated an activation, and two days have not passed since the film came in."""
    permit = approved(mavic_2_pro)
    policy = bind(at=NOW + timedelta(hours=1))
    permit.refresh_from_db()
    assert permit.used_for == policy
    assert policy.drone.activated_at == NOW
    assert policy.drone.activation_source == "customer"


def test_b11_who_sent_a_film_cannot_say_that_the_drone_was_never_activated(mavic_2_pro):
    factories.DroneFactory(serial="0AXCUSED0001")
    sent = verification.submit(film(mavic_2_pro), now=NOW)
    in_three_days = NOW + timedelta(days=3)
    assert refused(at=in_three_days) == [("B2", "window_passed")]
    verification.reject(sent, reason="Too dark", seen=[], actor=HOUSE, now=NOW)
    assert refused(at=in_three_days) == [("B2", "window_passed")]


def test_b11_a_lapsed_film_counts_against_everybody_for_staff_have_seen_it_fly(mavic_2_pro):
    sent = verification.submit(film(mavic_2_pro, email="eve@example.com"), now=NOW)
    verification.approve(sent, seen=every_step(), actor=HOUSE, now=NOW)
    late = DEADLINE + timedelta(seconds=1)
    verification.lapse(now=late)
    assert refused(at=late) == [("B2", "window_passed")]


@pytest.mark.parametrize("rejected", [False, True])
def test_b11_a_strangers_film_does_not_count_against_the_owner(mavic_2_pro, rejected):
    factories.DroneFactory(serial="0AXCUSED0001")
    sent = verification.submit(film(mavic_2_pro, email="eve@example.com"), now=NOW)
    if rejected:
        verification.reject(sent, reason="Too dark", seen=[], actor=HOUSE, now=NOW)
    assert bind(at=NOW + timedelta(days=3)).drone.activated_at is None


def test_b6_b11_what_was_filmed_in_an_earlier_life_counts_no_more(mavic_2_pro):
    approved(mavic_2_pro)
    drone = Drone.objects.get()
    drones.start_new_life(drone, now=NOW + timedelta(days=30))
    assert bind(at=NOW + timedelta(days=40)).drone.activated_at is None


def test_b5_a_used_drone_that_never_had_a_plan_is_bound_like_a_new_one():
    factories.DroneFactory(serial="0AXCUSED0001", activated_at=NOW - timedelta(hours=48))
    assert bind().status == "active"


def test_b6_a_refurbished_drone_starts_a_new_life():
    drone = factories.DroneFactory(serial="0AXCUSED0001")
    earlier = factories.PolicyFactory(drone=drone, status="expired", ends_at=NOW)
    assert refused() == [("B4", "had_policy")]
    drones.start_new_life(drone, now=NOW)
    policy = bind()
    assert policy.drone_life == 2
    assert Drone.objects.get().policies.count() == 2
    earlier.refresh_from_db()
    assert earlier.drone_life == 1


def test_b6_not_while_a_policy_still_runs():
    policy = factories.PolicyFactory(drone=factories.DroneFactory(serial="0AXCUSED0001"))
    with pytest.raises(Conflict, match="still runs"):
        drones.start_new_life(policy.drone, now=NOW)


def test_b6_not_while_a_claim_is_open():
    """Its policy may have ended meanwhile (K11): the claim still ships, and retires the drone."""
    policy = factories.PolicyFactory(drone=factories.DroneFactory(), ends_at=NOW)
    cover.hold(policy.drone, policy=policy, reference="CLM-1", now=NOW)
    with pytest.raises(Conflict, match="open claim on this drone"):
        drones.start_new_life(policy.drone, now=NOW)
    cover.release(reference="CLM-1")
    drones.start_new_life(policy.drone, now=NOW)
    assert Drone.objects.get().life == 2


def test_the_sweeps_are_told_apart_by_name_and_leave_a_line(capsys, db):
    call_command("run_sweeps", "--at", "2026-03-10T15:00Z")
    assert capsys.readouterr().out.splitlines() == [
        "activate_policies: 0 begun.",
        "remind_renewals: 0 reminders written.",
        "expire_policies: 0 expired.",
        "lapse_permits: 0 lapsed.",
        "chase_claims: 0 reminded, 0 lapsed, 0 to be returned.",
        "tidy: 0 deleted.",
        "take_figures: 2 parts counted.",
    ]
