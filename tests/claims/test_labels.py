"""The label worker: tries, pauses, failures, and labels that are not wanted any more (K5)."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from claims import progress
from claims.carriers.base import CarrierError, Parcel
from claims.carriers.in_house import InHouse, tracking_number
from claims.models import Shipment
from claims.parcels import labels, shipping
from policies.shared.errors import Conflict
from tests import factories
from tests.claims.conftest import DESK, PaperCarrier, fresh, left, letters_of, timeline
from tests.concurrency.conftest import race

CLOSED = CarrierError("The counter is closed.", permanent=False)
BAD_ADDRESS = CarrierError("Address not found.", permanent=True)


class Troubled(PaperCarrier):
    """Has the troubles of a list, in their order; does `meanwhile` while it sells."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles = []
        self.meanwhile = lambda: None
        self.asked = []

    def buy(self, request):
        self.asked.append(request.reference)
        if self.troubles:
            raise self.troubles.pop(0)
        label = super().buy(request)
        self.meanwhile()
        return label

    def void(self, carrier_id, *, reference=""):
        self.asked.append(f"void {carrier_id or reference}")
        if self.troubles:
            raise self.troubles.pop(0)
        if reference in self.sold:
            super().void(self.sold[reference].carrier_id)


@pytest.fixture
def carrier() -> Troubled:
    return Troubled()


@pytest.fixture
def accepted(house, policy):
    """A claim whose label is ordered."""
    return house.take(house.request(policy), "accept")


@pytest.fixture
def work(carrier, house):
    return lambda: labels.work(carrier, clock=lambda: house.now)


def order(claim) -> Shipment:
    return claim.shipments.get()


# --- bought ------------------------------------------------------------------------


def test_an_ordered_label_is_bought_and_goes_to_the_customer(accepted, work, carrier):
    assert work() == (1, 0)
    shipment = order(accepted)
    assert shipment.state == "bought"
    assert shipment.carrier == "paper"
    assert shipment.tracking_number == f"IN-{accepted.number}-1"
    assert shipment.label.name == f"claims/labels/{accepted.number}-1.pdf"
    with shipment.label.open() as file:
        assert file.read() == b"%PDF-1.4 a label on paper"
    assert timeline(accepted) == ["submitted", "(accepted)", "label_sent"]
    assert letters_of(accepted) == ["claim_received", "claim_label"]


def test_the_letter_carries_the_label(accepted, work):
    work()
    context = accepted.policy.letters.get(name="claim_label").context
    assert context["tracking_number"] == f"IN-{accepted.number}-1"
    assert context["attachments"] == [
        {
            "file": f"claims/labels/{accepted.number}-1.pdf",
            "name": f"{accepted.number}-label.pdf",
        }
    ]


def test_a_label_is_bought_once_however_often_the_worker_looks(accepted, work, carrier):
    assert [work(), work()] == [(1, 0), (0, 0)]
    assert carrier.asked == [f"{accepted.number}-1"]


def test_the_carrier_is_told_the_claim_and_both_addresses(accepted):
    request = labels.request_for(accepted, order(accepted))
    assert request.claim_number == accepted.number
    assert (request.sender.name, request.sender.line1) == ("Ann Lee", "1 Main Street")
    assert request.sender.country == "US"
    assert request.receiver.name == "Demo Drone Service Center US"
    assert request.receiver.postal_code == "12207"


def test_the_carrier_is_told_both_phones_and_what_the_model_weighs_and_is_worth(accepted):
    model, holder = accepted.drone.drone_model, accepted.policy.holder
    region = accepted.policy.region
    model.length_cm, model.weight_g, model.customs_value = 41, 3_300, Decimal("850.50")
    model.tariff_number, model.origin_country = "88062200", "TW"
    holder.phone, region.phone = "+1 555 0100", "+1 555 0199"
    for row in (model, holder, region):
        row.save()
    request = labels.request_for(fresh(accepted), order(accepted))
    assert (request.sender.phone, request.receiver.phone) == ("+1 555 0100", "+1 555 0199")
    assert request.parcel == Parcel(
        model.name, 41, 28, 20, 3_300, Decimal("850.50"), "88062200", "TW"
    )


def test_the_house_s_own_label_needs_no_network(accepted, house):
    assert labels.work(InHouse(), clock=lambda: house.now) == (1, 0)
    shipment = order(accepted)
    assert shipment.tracking_number == tracking_number(f"{accepted.number}-1")
    with shipment.label.open() as file:
        assert file.read(5) == b"%PDF-"


# --- failed ------------------------------------------------------------------------


def test_a_closed_counter_is_tried_again_after_growing_pauses(accepted, work, carrier, house):
    carrier.troubles = [CLOSED] * 5
    pauses = []
    for _try in range(5):
        assert work() == (0, 1)
        assert work() == (0, 0)  # not due yet
        pauses.append(order(accepted).next_try_at - house.now)
        house.now = order(accepted).next_try_at
    assert pauses == [
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=6),
    ]
    assert order(accepted).last_error == "The counter is closed."
    assert work() == (1, 0)
    assert order(accepted).state == "bought"
    assert order(accepted).last_error == ""


def test_after_the_last_try_it_stays_visible_as_failed(accepted, work, carrier, house):
    carrier.troubles = [CLOSED] * 6
    for _try in range(6):
        assert work() == (0, 1)
        house.later(hours=7)
    assert work() == (0, 0)
    assert order(accepted).state == "failed"
    assert order(accepted).last_error == "The counter is closed."
    assert fresh(accepted).progress == "submitted"


def test_what_another_try_cannot_mend_fails_at_once(accepted, work, carrier):
    carrier.troubles = [BAD_ADDRESS]
    assert work() == (0, 1)
    assert order(accepted).state == "failed"
    assert order(accepted).last_error == "Address not found."


def test_staff_order_a_failed_label_again(accepted, work, carrier, house):
    carrier.troubles = [BAD_ADDRESS]
    work()
    shipping.try_again(accepted, now=house.now)
    assert order(accepted).last_error == ""
    assert work() == (1, 0)
    assert fresh(accepted).progress == "label_sent"


def test_a_label_that_has_not_failed_is_not_ordered_again(accepted, work, house):
    work()
    with pytest.raises(Conflict, match="No label has failed"):
        shipping.try_again(accepted, now=house.now)


def test_a_full_disk_is_tried_again(accepted, work, house, settings, tmp_path):
    folder = tmp_path / "media"
    folder.write_text("a file where the folder should be")
    settings.MEDIA_ROOT = folder
    assert work() == (0, 1)
    assert order(accepted).state == "wanted"
    assert "Error" in order(accepted).last_error
    folder.unlink()
    house.later(minutes=1)
    assert work() == (1, 0)


def test_a_label_that_takes_every_worker_down_is_not_tried_for_ever(accepted, work, house):
    Shipment.objects.update(attempts=6)
    assert work() == (0, 1)
    assert order(accepted).state == "failed"
    assert order(accepted).last_error == "The worker stopped in the middle of every try."


def test_one_bad_label_does_not_hold_up_the_next(accepted, work, carrier, house, ann):
    other = house.take(house.request(second_policy(ann)), "accept")
    carrier.troubles = [BAD_ADDRESS]
    assert work() == (1, 1)
    assert fresh(other).progress == "label_sent"


def second_policy(holder):
    drone = factories.DroneFactory(serial="0AXCANN0000002")
    return factories.PolicyFactory(drone=drone, holder=holder)


# --- not wanted any more -----------------------------------------------------------


def test_an_order_cancelled_before_the_worker_came_costs_nothing(accepted, work, carrier, house):
    house.do(accepted, "cancel")
    assert order(accepted).state == "void"
    assert work() == (0, 0)
    assert carrier.asked == []


def test_a_bought_label_of_a_cancelled_claim_is_taken_back(accepted, work, carrier, house):
    work()
    house.do(accepted, "cancel")
    assert order(accepted).state == "voiding"
    assert work() == (1, 0)
    assert order(accepted).state == "void"
    assert carrier.voided == [f"paper-{accepted.number}-1"]


def test_a_claim_cancelled_while_its_label_is_bought_gives_the_label_back_in_the_next_round(
    accepted, work, carrier, house
):
    carrier.meanwhile = lambda: progress.cancel(accepted, actor=DESK, now=house.now)
    work()
    assert order(accepted).state == "void"
    assert order(accepted).tracking_number == f"IN-{accepted.number}-1"
    assert carrier.voided == [f"paper-{accepted.number}-1"]
    assert fresh(accepted).progress == "cancelled"
    assert "claim_label" not in letters_of(accepted)
    assert left(accepted.policy) == 2


def test_a_sale_whose_worker_died_is_taken_back_after_its_lease(accepted, work, carrier, house):
    class Killed(BaseException):
        pass

    def die():
        raise Killed

    carrier.meanwhile = die
    with pytest.raises(Killed):
        work()
    progress.cancel(accepted, actor=DESK, now=house.now)
    assert order(accepted).state == "voiding"
    assert work() == (0, 0)  # whoever bought it may still be writing
    house.later(minutes=5)
    assert work() == (1, 0)
    assert carrier.voided == [f"paper-{accepted.number}-1"]
    assert order(accepted).state == "void"


def test_a_failed_order_of_a_cancelled_claim_is_looked_up_at_the_carrier(
    accepted, work, carrier, house
):
    carrier.troubles = [BAD_ADDRESS]
    work()
    house.do(accepted, "cancel")
    assert work() == (1, 0)
    assert carrier.asked[-1] == f"void {accepted.number}-1"
    assert order(accepted).state == "void"


def test_staff_ask_again_for_a_label_that_the_carrier_never_took_back(
    accepted, work, carrier, house
):
    work()
    house.do(accepted, "cancel")
    carrier.troubles = [BAD_ADDRESS]
    assert work() == (0, 1)
    assert order(accepted).state == "failed"
    shipping.try_again(accepted, now=house.now)
    assert work() == (1, 0)
    assert carrier.voided == [f"paper-{accepted.number}-1"]
    assert order(accepted).state == "void"


def test_a_carrier_that_cannot_take_it_back_now_is_asked_again(accepted, work, carrier, house):
    work()
    house.do(accepted, "cancel")
    carrier.troubles = [CLOSED]
    assert work() == (0, 1)
    assert order(accepted).state == "voiding"
    house.later(minutes=1)
    assert work() == (1, 0)
    assert order(accepted).state == "void"


def test_a_label_in_use_is_never_taken_back(house, policy, work):
    claim = house.claim_at("returned", policy)
    assert claim.shipments.get(direction="inbound").state == "bought"
    assert work() == (0, 0)


# --- leases ------------------------------------------------------------------------


def test_an_order_in_a_worker_s_hands_is_not_taken_by_another(accepted, work, carrier, house):
    seen = []
    other = Troubled()
    carrier.meanwhile = lambda: seen.append(labels.work(other, clock=lambda: house.now))
    assert work() == (1, 0)
    assert seen == [(0, 0)]
    assert other.asked == []


def test_a_dead_worker_s_order_is_due_again_after_five_minutes(accepted, work, house):
    Shipment.objects.update(attempts=1, next_try_at=house.now + labels.LEASE.lasts)
    assert timedelta(minutes=5) == labels.LEASE.lasts
    assert work() == (0, 0)
    house.later(minutes=5)
    assert work() == (1, 0)


def test_a_worker_that_overran_its_lease_does_not_undo_what_the_next_one_did(
    accepted, work, carrier, house
):
    def next_worker():
        carrier.meanwhile = lambda: None
        house.later(minutes=6)
        work()

    carrier.meanwhile = next_worker
    work()
    assert order(accepted).state == "bought"
    assert timeline(accepted).count("label_sent") == 1
    assert letters_of(accepted).count("claim_label") == 1
    assert len(carrier.sold) == 1


def test_two_workers_at_once_buy_each_label_once(committed_db, house):
    class Slow(Troubled):
        lock = threading.Lock()
        sales = []

        def buy(self, request):
            with self.lock:
                self.sales.append(request.reference)
            return super().buy(request)

    claims = []
    for number in range(12):
        drone = factories.DroneFactory(serial=f"0AXCTWO{number:07d}")
        policy = factories.PolicyFactory(drone=drone)
        claims.append(house.take(house.request(policy), "accept"))
    results = race(
        lambda: labels.work(Slow(), clock=lambda: house.now),
        lambda: labels.work(Slow(), clock=lambda: house.now),
    )
    assert sum(well for well, _wrong in results) == 12
    assert sum(wrong for _well, wrong in results) == 0
    assert sorted(Slow.sales) == sorted(f"{claim.number}-1" for claim in claims)
    assert all(fresh(claim).progress == "label_sent" for claim in claims)


def test_a_worker_told_to_stop_ends_after_the_label_in_hand(house, ann, policy, carrier):
    for plan in [policy, second_policy(ann)]:
        house.take(house.request(plan), "accept")
    told = []
    carrier.meanwhile = lambda: told.append(True)
    assert labels.work(carrier, clock=lambda: house.now, stop=lambda: bool(told)) == (1, 0)
    assert labels.work(carrier, clock=lambda: house.now) == (1, 0)


# --- the command -------------------------------------------------------------------


def test_the_command_works_off_what_is_due_and_says_so(accepted, capsys):
    call_command("buy_labels")
    assert capsys.readouterr().out == "buy_labels: 1 done, 0 went wrong.\n"
    assert fresh(accepted).progress == "label_sent"


def test_the_command_takes_no_other_words():
    with pytest.raises(CommandError):
        call_command("buy_labels", "--quickly")
