"""Marks set too early decide nothing, and the next sweep takes them back (E1, E2)."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from policies import activation, cancellation, expiry, marks, orders, outbox, renewal, transfer
from policies.models import Letter, Policy, PolicyEvent
from policies.models.clock import SWEEPS
from policies.shared.actor import Actor
from tests import factories
from tests.pages import token

HOUSE = Actor.command("test")
NOW = datetime(2026, 12, 16, 9, 0, tzinfo=UTC)
END = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)  # 20 days later


@pytest.fixture(autouse=True)
def december():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def policy(ann):
    drone = factories.DroneFactory(serial="0ANNSDRONE1")
    return factories.PolicyFactory(drone=drone, holder=ann)


@pytest.fixture
def bundle(mavic_2_pro, care_1y):
    """A plan that begins on 18 December, two days after its drone was shipped."""
    bought = orders.Purchase(
        reference="W-1",
        serial="0AXCSHOP0001",
        drone_model=mavic_2_pro,
        plan=care_1y,
        name="Ben Ng",
        email="ben@example.com",
        country="US",
    )
    order = orders.place(bought, actor=HOUSE, now=NOW)
    return orders.ship(order, shipped_at=NOW, actor=HOUSE, now=NOW)


def run(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def sent(name: str) -> Letter:
    """The worker of a machine with the same wrong clock has sent it."""
    Letter.objects.filter(name=name).update(state="sent", sent_at=NOW, attempts=1)
    return Letter.objects.get(name=name)


def kinds(policy) -> list[str]:
    return list(policy.events.order_by("pk").values_list("kind", flat=True))


def letters(policy) -> list[tuple[str, str]]:
    return list(policy.letters.order_by("pk").values_list("name", "state"))


def status_of(policy) -> str:
    return Policy.objects.get(pk=policy.pk).status


# --- an end that has not come ------------------------------------------------------------------


def test_e1_an_end_marked_too_early_is_taken_back_before_anybody_was_told(policy):
    assert (
        run("expire_policies", "--at", "2099-01-01", "--force") == "expire_policies: 1 expired.\n"
    )
    assert status_of(policy) == "expired"
    assert run("expire_policies") == "expire_policies: 0 expired, 1 too early marks taken back.\n"
    assert status_of(policy) == "active"
    assert kinds(policy) == ["expired", "unexpired"]
    assert letters(policy) == [("policy_expired", "moot")]
    assert run("expire_policies") == "expire_policies: 0 expired.\n"


@pytest.mark.parametrize("sweep", ["activate_policies", "remind_renewals", "run_sweeps"])
def test_e1_whichever_sweep_comes_next_takes_it_back(policy, sweep):
    run("expire_policies", "--at", "2099-01-01", "--force")
    run(sweep)
    assert status_of(policy) == "active"


def test_e1_who_was_told_of_an_end_is_told_of_the_mistake(policy):
    expiry.expire(now=END, chunk=10)
    sent("policy_expired")
    assert marks.take_back(now=NOW, chunk=10) == 1
    assert letters(policy) == [("policy_expired", "sent"), ("policy_not_expired", "queued")]
    letter = Letter.objects.get(name="policy_not_expired")
    assert letter.recipient == "ann@example.com"
    rendered = outbox.render(letter, whole=True)
    assert rendered.subject == "Correction: your care plan has not ended"
    text = " ".join(rendered.text.split())
    assert text.startswith(
        "Hello Ann Lee, Correction: we wrote to you that the term of the 1-Year care plan "
    )
    assert "The term runs until 5 January 2027, 04:00 EST." in text
    assert f"/policy/{token(policy)}/" in rendered.text
    assert f"/policy/{token(policy)}/" in rendered.html


def test_e1_the_end_itself_still_gets_its_letter(policy):
    for hours in (2, 1):
        expiry.expire(now=END, chunk=10)
        assert marks.take_back(now=END - timedelta(hours=hours), chunk=10) == 1
    assert expiry.expire(now=END, chunk=10) == 1
    assert letters(policy)[-1] == ("policy_expired", "queued")
    assert Letter.objects.filter(name="policy_expired").count() == 3
    assert kinds(policy) == ["expired", "unexpired", "expired", "unexpired", "expired"]
    assert marks.take_back(now=END, chunk=10) == 0


def test_t2_a_former_owner_is_told_of_the_mistake_without_the_new_link(policy):
    expiry.expire(now=END, chunk=10)
    sent("policy_expired")
    moved = transfer.change_owner(
        policy, name="Cy Roe", email="cy@example.com", country="US", actor=HOUSE, now=NOW
    )
    marks.take_back(now=NOW, chunk=10)
    letter = Letter.objects.get(name="policy_not_expired")
    assert letter.recipient == "ann@example.com"
    rendered = outbox.render(letter, whole=True)
    assert rendered.text.startswith("Hello,\n")
    assert "/policy/" not in rendered.text + rendered.html
    assert letter.context["link"] is None
    assert token(moved) not in str(letter.context) + rendered.text + rendered.html
    assert "Cy Roe" not in rendered.text + rendered.html


def test_e1_a_run_as_of_the_past_takes_no_mark_back(policy):
    with time_machine.travel(END + timedelta(days=9), tick=False):
        run("run_sweeps")
        run("run_sweeps", "--at", "2026-06-01")
    assert status_of(policy) == "expired"
    assert kinds(policy) == ["expired"]


def test_a_dry_run_counts_the_marks_and_leaves_them(policy):
    run("expire_policies", "--at", "2099-01-01", "--force")
    assert run("expire_policies", "--dry-run") == (
        "expire_policies: 0 expired, 1 too early marks taken back (dry run: nothing was changed).\n"
    )
    assert status_of(policy) == "expired"


def test_r1_who_renews_a_policy_marked_too_early_is_told_of_the_mistake(policy, refresh_plus):
    expiry.expire(now=END, chunk=10)
    sent("policy_expired")
    factories.ActivationCodeFactory(batch=factories.CodeBatchFactory(plan=refresh_plus))
    renewal.sell_and_renew(policy, plan=refresh_plus, order_reference="", actor=HOUSE, now=NOW)
    assert status_of(policy) == "active"
    assert kinds(policy) == ["expired", "unexpired", "renewed"]
    correction = Letter.objects.get(name="policy_not_expired")
    assert correction.context["ends_at"].startswith("2028-01-05T09:00:00")
    assert marks.take_back(now=NOW, chunk=10) == 0


def test_t3_a_policy_cancelled_after_the_mistake_brings_no_letter_of_its_end(policy):
    expiry.expire(now=END, chunk=10)
    cancellation.cancel(policy, reason="Sold", actor=HOUSE, now=NOW)
    assert status_of(policy) == "cancelled"
    assert letters(policy) == [("policy_expired", "moot"), ("policy_cancelled", "queued")]


def test_small_chunks_take_everything_back(db):
    factories.PolicyFactory.create_batch(5)
    expiry.expire(now=END, chunk=10)
    assert [marks.take_back(now=NOW, chunk=2) for _round in range(4)] == [2, 2, 1, 0]
    assert PolicyEvent.objects.filter(kind="unexpired").count() == 5


# --- a beginning that has not come -------------------------------------------------------------


def test_e1_a_beginning_marked_too_early_is_taken_back_and_comes_in_its_time(bundle):
    run("activate_policies", "--at", "2026-12-19", "--force")
    assert status_of(bundle) == "active"
    run("activate_policies")
    assert status_of(bundle) == "scheduled"
    assert letters(bundle) == [("policy_activated", "moot")]
    with time_machine.travel(NOW + timedelta(days=2), tick=False):
        run("activate_policies")
    assert letters(bundle) == [("policy_activated", "moot"), ("policy_activated", "queued")]
    assert kinds(bundle) == ["scheduled", "activated", "unbegun", "activated"]


def test_e1_who_was_told_of_a_beginning_is_told_of_the_mistake(bundle):
    activation.activate(now=NOW + timedelta(days=2), chunk=10)
    sent("policy_activated")
    assert marks.take_back(now=NOW, chunk=10) == 1
    letter = Letter.objects.get(name="policy_not_begun")
    assert letter.recipient == "ben@example.com"
    rendered = outbox.render(letter, whole=True)
    assert rendered.subject == "Correction: your care plan has not begun yet"
    text = " ".join(rendered.text.split())
    assert "It begins on 18 December 2026, 04:00 EST, and damage before then is not" in text


def test_e1_a_plan_whose_whole_life_was_marked_too_early_has_all_of_it_taken_back(bundle):
    run("run_sweeps", "--at", "2099-01-01", "--force")
    assert status_of(bundle) == "expired"
    run("run_sweeps")
    assert status_of(bundle) == "scheduled"
    assert kinds(bundle) == ["scheduled", "activated", "expired", "unexpired", "unbegun"]
    assert {state for _name, state in letters(bundle)} == {"moot"}


def test_b9_a_shipment_is_corrected_though_a_sweep_marked_the_plan_as_begun(bundle):
    activation.activate(now=NOW + timedelta(days=2), chunk=10)
    later = NOW + timedelta(days=1)
    moved = orders.ship(bundle.order, shipped_at=later, actor=HOUSE, now=later)
    assert moved.starts_at == NOW + timedelta(days=3)


def test_t3_a_plan_cancelled_before_it_begins_brings_no_letter_that_it_has_begun(bundle):
    activation.activate(now=NOW + timedelta(days=2), chunk=10)
    orders.cancel(bundle.order, reason="Not wanted", actor=HOUSE, now=NOW)
    assert status_of(bundle) == "cancelled"
    assert letters(bundle) == [("policy_activated", "moot"), ("policy_cancelled", "queued")]


# --- reminders -----------------------------------------------------------------------------------


def test_e2_reminders_overtaken_by_a_mistake_go_out_again_when_they_are_due(policy):
    run("run_sweeps", "--at", "2027-01-04T12:00Z", "--force")
    days = Letter.objects.filter(name="renewal_reminder").order_by("pk")
    assert [letter.state for letter in days] == ["moot", "moot", "queued"]
    run("run_sweeps")  # 20 days before the end: the 30 days' reminder is due
    waiting = Letter.objects.filter(name="renewal_reminder", state="queued")
    assert [letter.dedupe_key for letter in waiting] == [f"reminder/{policy.pk}/2027-01-05/30"]
    with time_machine.travel(END - timedelta(days=7), tick=False):
        run("run_sweeps")
    assert waiting.all().count() == 2


def test_e2_a_reminder_that_was_sent_too_early_is_not_sent_twice(policy):
    expiry.remind(now=END - timedelta(hours=20), chunk=10)
    expiry.remind(now=END - timedelta(hours=20), chunk=10)
    expiry.remind(now=END - timedelta(hours=20), chunk=10)
    Letter.objects.filter(state="queued").update(state="sent", sent_at=NOW, attempts=1)
    run("run_sweeps")
    with time_machine.travel(END - timedelta(hours=20), tick=False):
        run("run_sweeps")
    told = Letter.objects.filter(dedupe_key=f"reminder/{policy.pk}/2027-01-05/1")
    assert [letter.state for letter in told] == ["sent"]


# --- an instant that is still to come ------------------------------------------------------------


@pytest.mark.parametrize("command", [*SWEEPS, "run_sweeps"])
def test_no_sweep_acts_as_of_an_instant_to_come(command, policy):
    with pytest.raises(CommandError, match=r"2099-01-01 00:00 UTC is later than now.*--force"):
        run(command, "--at", "2099-01-01")
    assert status_of(policy) == "active"
    run(command, "--at", "2099-01-01", "--dry-run")
    assert status_of(policy) == "active"
    run(command, "--at", NOW.isoformat())
    run(command, "--at", "2099-01-01", "--force")
