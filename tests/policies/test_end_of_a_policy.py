"""Expiry and reminders (P3, E1, E2), change of owner (T2) and cancellation (T3)."""

from datetime import UTC, datetime, timedelta

import pytest

from policies import binding, cancellation, cover, drones, expiry, renewal, status, transfer
from policies.models import Letter, Policy, PolicyEvent, ReminderDay
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests import factories
from tests.pages import token

pytestmark = pytest.mark.django_db

HOUSE = Actor.command("test")
END = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
def policy(ann):
    drone = factories.DroneFactory(serial="0ANNSDRONE1")
    return factories.PolicyFactory(drone=drone, holder=ann)


def expire(now, chunk=10) -> int:
    return expiry.expire(now=now, chunk=chunk)


def remind(now) -> int:
    return sum(iter(lambda: expiry.remind(now=now, chunk=2), 0))


def reminders() -> list[tuple[str, str]]:
    rows = Letter.objects.filter(name="renewal_reminder").order_by("pk")
    return [
        (key.rpartition("/")[2], state) for key, state in rows.values_list("dedupe_key", "state")
    ]


@pytest.mark.parametrize(
    ("at", "expired"),
    [(END - timedelta(microseconds=1), 0), (END, 1), (END + timedelta(days=9), 1)],
)
def test_e1_the_sweep_ends_what_has_ended_and_never_a_running_one(policy, at, expired):
    assert expire(at) == expired
    policy.refresh_from_db()
    assert policy.status == ("expired" if expired else "active")


def test_e1_an_expired_policy_is_out_of_force_though_no_sweep_has_run(policy):
    assert policy.is_in_force(at=END - timedelta(microseconds=1))
    assert not policy.is_in_force(at=END)
    assert not Policy.objects.in_force(at=END).exists()


def test_the_end_is_told_once(policy):
    assert expire(END) == 1
    assert expire(END) == 0
    letter = Letter.objects.get()
    assert (letter.name, letter.recipient) == ("policy_expired", "ann@example.com")
    assert datetime.fromisoformat(letter.context["ends_at"]) == END
    [event] = PolicyEvent.objects.all()
    assert (event.kind, event.actor, event.at) == ("expired", "expire_policies", END)


def test_small_chunks_leave_nothing_over():
    factories.PolicyFactory.create_batch(5)
    assert [expire(END, chunk=2) for _round in range(4)] == [2, 2, 1, 0]
    assert PolicyEvent.objects.count() == 5


def test_e2_reminders_go_out_thirty_seven_and_one_day_before_each_once(policy):
    assert remind(END - timedelta(days=30, seconds=1)) == 0
    for days in (30, 7, 1):
        assert remind(END - timedelta(days=days)) == 1
        assert remind(END - timedelta(days=days)) == 0
    assert reminders() == [("30", "queued"), ("7", "queued"), ("1", "queued")]


def test_e2_after_a_pause_only_the_nearest_reminder_is_sent(policy):
    assert remind(END - timedelta(days=5)) == 2
    assert sorted(reminders()) == [("30", "moot"), ("7", "queued")]


def test_e2_after_a_pause_past_the_end_no_reminder_is_sent_but_the_books_agree(policy):
    assert remind(END) == 3
    assert {state for _days, state in reminders()} == {"moot"}


def test_e2_the_renewal_offer_is_made_where_r1_allows_it(policy, care_2y):
    remind(END - timedelta(days=30))
    assert Letter.objects.get().context["offer"] == "Refresh +"
    Policy.objects.update(plan=care_2y)
    remind(END - timedelta(days=7))
    assert Letter.objects.filter(name="renewal_reminder").latest("pk").context["offer"] == ""


def use_up(policy, at) -> None:
    for reference in ("CLM-1", "CLM-2"):
        cover.consume(policy, reference=reference, actor=HOUSE, now=at)


def test_p3_nobody_is_reminded_of_a_policy_whose_replacements_are_all_used(policy):
    use_up(policy, END - timedelta(days=100))
    for days in (30, 7, 1, 0):
        assert remind(END - timedelta(days=days)) == 0
    assert expiry.to_remind(now=END) == 0


def test_p3_a_use_given_back_before_the_day_brings_the_reminder_back(policy):
    use_up(policy, END - timedelta(days=100))
    cover.give_back(reference="CLM-2", actor=HOUSE, now=END - timedelta(days=31))
    assert expiry.to_remind(now=END - timedelta(days=30)) == 1
    assert remind(END - timedelta(days=30)) == 1
    assert reminders() == [("30", "queued")]


def test_p3_a_use_given_back_after_two_of_the_days_brings_back_the_nearest(policy):
    use_up(policy, END - timedelta(days=100))
    assert remind(END - timedelta(days=7)) == 0
    cover.give_back(reference="CLM-2", actor=HOUSE, now=END - timedelta(days=5))
    assert remind(END - timedelta(days=5)) == 2
    assert sorted(reminders()) == [("30", "moot"), ("7", "queued")]


def test_e2_renewing_makes_the_later_reminders_of_the_old_term_moot(policy):
    remind(END - timedelta(days=30))
    factories.PeriodFactory(policy=policy, number=2)
    Policy.objects.update(ends_at=datetime(2028, 1, 5, 9, 0, tzinfo=UTC))
    assert remind(END - timedelta(days=1)) == 0
    assert remind(datetime(2027, 12, 6, 9, 0, tzinfo=UTC)) == 1
    assert reminders() == [("30", "queued"), ("30", "queued")]


def test_e2_the_days_are_data(policy):
    ReminderDay.objects.create(days=60)
    assert remind(END - timedelta(days=60)) == 1


def test_p3_a_use_given_back_within_the_term_puts_the_policy_in_force_again(policy):
    now = END - timedelta(days=100)
    use_up(policy, now)
    fresh = Policy.objects.get(pk=policy.pk)
    assert not fresh.is_in_force(at=now)
    assert list(Letter.objects.values_list("name", flat=True)) == ["allowance_used_up"]
    cover.give_back(reference="CLM-2", actor=HOUSE, now=now)
    assert Policy.objects.get(pk=policy.pk).is_in_force(at=now)
    assert not Policy.objects.get(pk=policy.pk).is_in_force(at=END)


def test_p3_a_policy_that_is_used_up_has_ended_for_every_verb(policy, us):
    """Not covered already, not to be taken over, cancelled or renewed; its drone may be resold."""
    now = END - timedelta(days=100)
    use_up(policy, now)
    verdict = binding.verdict_on_drone(policy.drone, us, at=now)
    assert [(one.rule, one.code) for one in verdict.objections] == [("B4", "had_policy")]
    with pytest.raises(Conflict, match="Only a running policy"):
        give(policy)
    with pytest.raises(Conflict, match="ended already"):
        cancellation.cancel(policy, reason="Sold", actor=HOUSE, now=now)
    drones.start_new_life(policy.drone, now=now)
    policy.drone.refresh_from_db()
    assert binding.verdict_on_drone(policy.drone, us, at=now).allowed


def test_p3_why_a_used_up_policy_is_not_renewed_does_not_say_that_it_runs(policy):
    now = END - timedelta(days=100)
    use_up(policy, now)
    fresh = Policy.objects.get(pk=policy.pk)
    for verdict in (renewal.verdict_on(fresh, None, at=now), status.claimable(fresh, at=now)):
        assert not verdict.allowed
        assert [one.code for one in verdict.reasons] == ["none_left"]


def test_p3_a_use_given_back_puts_every_verb_back_in_its_place(policy, us):
    now = END - timedelta(days=100)
    use_up(policy, now)
    cover.give_back(reference="CLM-2", actor=HOUSE, now=now)
    assert binding.verdict_on_drone(policy.drone, us, at=now).names("has_policy")
    with pytest.raises(Conflict, match="A policy still runs on this drone"):
        drones.start_new_life(policy.drone, now=now)
    assert give(policy).holder.email == "cy@example.com"


def test_b4_a_policy_past_its_term_is_not_taken_over(policy, us):
    verdict = binding.verdict_on_drone(policy.drone, us, at=END)
    assert [(one.rule, one.code) for one in verdict.objections] == [("B4", "had_policy")]


# --- change of owner -------------------------------------------------------------------------


def give(policy, at=END - timedelta(days=100), **changed):
    new = {"name": "Cy Roe", "email": "cy@example.com", "country": "US"} | changed
    return transfer.change_owner(policy, **new, actor=HOUSE, now=at)


def test_t2_the_policy_moves_both_are_told_and_the_old_link_is_dead(policy, client):
    old = f"/policy/{token(policy)}/"
    assert client.get(old).status_code == 200
    moved = give(policy)
    assert moved.holder.email == "cy@example.com"
    assert client.get(old).status_code == 404
    assert client.get(f"/policy/{token(moved)}/").status_code == 200
    letters = {letter.name: letter for letter in Letter.objects.all()}
    assert letters["owner_changed_old"].recipient == "ann@example.com"
    assert letters["owner_changed_new"].recipient == "cy@example.com"
    assert "link" not in letters["owner_changed_old"].context
    assert letters["owner_changed_new"].context["link"] == moved.links.get(revoked_at=None).pk


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"at": END}, "Only a running policy"),
        ({"country": "DE"}, "must live in the region"),
        ({"name": "Ann Lee", "email": "ann@example.com"}, "holds the policy already"),
    ],
)
def test_t2_what_cannot_move_is_refused_with_a_sentence(policy, changed, sentence):
    with pytest.raises(Conflict, match=sentence):
        give(policy, **changed)
    assert not PolicyEvent.objects.exists()


def test_t2_t3_nothing_moves_or_ends_while_a_claim_is_open(policy):
    now = END - timedelta(days=100)
    cover.hold(policy.drone, policy=policy, reference="CLM-1", now=now)
    with pytest.raises(Conflict, match="open claim"):
        give(policy)
    with pytest.raises(Conflict, match="open claim"):
        cancellation.cancel(policy, reason="Sold", actor=HOUSE, now=now)
    cover.release(reference="CLM-1")
    assert cancellation.cancel(policy, reason="Sold", actor=HOUSE, now=now).status == "cancelled"


def test_t3_a_cancelled_policy_is_out_of_force_at_once_and_its_holder_is_told(policy):
    now = END - timedelta(days=100)
    cancellation.cancel(policy, reason="Sold", actor=HOUSE, now=now)
    assert not Policy.objects.in_force(at=now).exists()
    assert Letter.objects.get().context["reason"] == "Sold"
    with pytest.raises(Conflict, match="ended already"):
        cancellation.cancel(policy, reason="Again", actor=HOUSE, now=now)


def test_t3_an_ended_policy_is_not_cancelled(policy):
    with pytest.raises(Conflict, match="ended already"):
        cancellation.cancel(policy, reason="Late", actor=HOUSE, now=END)


def test_e1_a_mark_that_was_set_too_early_ends_nothing(policy, ann, desk, now):
    """A sweep with a wrong clock marks a policy that goes on; every verb goes by its dates."""
    Policy.objects.filter(pk=policy.pk).update(status="expired")
    marked = Policy.objects.get(pk=policy.pk)
    bob = {"name": "Bob Ray", "email": "bob@example.com", "country": "US"}
    assert transfer.change_owner(marked, **bob, actor=desk, now=now).holder.name == "Bob Ray"
    with pytest.raises(Conflict, match="A policy still runs on this drone"):
        drones.start_new_life(marked.drone, now=now)
    verdict = binding.verdict_on_drone(marked.drone, marked.region, at=now)
    assert verdict.names("has_policy")
    assert not verdict.names("had_policy")
    assert cancellation.cancel(marked, reason="Sold", actor=desk, now=now).cancelled_at == now
