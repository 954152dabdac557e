"""What a customer gave us is put right while their claim is open (K16)."""

import pytest

from claims import holders
from claims.carriers.base import Label, LabelRequest
from claims.models import Shipment
from claims.parcels import labels
from policies import outbox
from policies.models import Letter
from policies.shared.errors import Conflict
from tests.claims.conftest import DESK, PaperCarrier, fresh

pytestmark = pytest.mark.django_db

SIDE_STREET = holders.ReturnAddress(
    line1="2 Side Street", city="Albany", state="NY", postal_code="12207", country="US"
)


def correct(house, claim, address: holders.ReturnAddress = SIDE_STREET) -> None:
    holders.correct_address(claim, address=address, reason="Moved", actor=DESK, now=house.now)


class RecordingCarrier(PaperCarrier):
    """Keeps from whom each label was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.senders: list[str] = []

    def buy(self, request: LabelRequest) -> Label:
        self.senders.append(request.sender.line1)
        return super().buy(request)


@pytest.fixture
def carrier() -> RecordingCarrier:
    return RecordingCarrier()


@pytest.fixture
def work(house, carrier):
    """Runs the label worker."""
    return lambda: labels.work(carrier, clock=lambda: house.now)


def inbound(claim) -> list[str]:
    shipments = claim.shipments.filter(direction=Shipment.Direction.INBOUND)
    return list(shipments.order_by("id").values_list("state", flat=True))


@pytest.mark.parametrize("state", ["submitted", "in_transit", "received", "assessed", "preparing"])
def test_k16_the_address_is_corrected_and_told(house, policy, state):
    claim = house.claim_at(state, policy)
    correct(house, claim)
    claim = fresh(claim)
    assert (claim.line1, claim.city, claim.progress) == ("2 Side Street", "Albany", state)
    event = claim.events.get(kind="corrected")
    assert event.note == (
        "1 Main Street, Albany NY 12207, United States of America → "
        "2 Side Street, Albany NY 12207, United States of America: Moved"
    )
    letter = outbox.render(Letter.objects.get(name="claim_address"))
    assert "2 Side Street, Albany NY 12207" in letter.text
    assert "new shipping label" not in letter.text


def test_k16_a_label_that_was_not_used_is_bought_anew(house, policy, work, carrier):
    claim = house.take(house.request(policy), "accept")
    work()
    assert fresh(claim).progress == "label_sent"
    correct(house, claim)
    assert fresh(claim).progress == "submitted"
    letter = outbox.render(Letter.objects.get(name="claim_address"))
    assert "Please wait for a new shipping label" in letter.text
    work()
    assert carrier.senders == ["1 Main Street", "2 Side Street"]
    assert fresh(claim).progress == "label_sent"
    assert inbound(claim) == ["void", "bought"]
    letters = Letter.objects.filter(name="claim_label").order_by("id")
    assert [bool(letter.context.get("correction")) for letter in letters] == [False, True]
    # The time for the label counts from the first one (K6).
    assert fresh(claim).waits_since == letters[0].created_at


def test_k16_a_label_that_could_not_be_bought_for_the_address_is_ordered_anew(
    house, policy, work, carrier
):
    claim = house.take(house.request(policy), "accept")
    claim.shipments.update(state="failed", last_error="Address not found.")
    correct(house, claim)
    work()
    assert carrier.senders == ["2 Side Street"]
    assert fresh(claim).progress == "label_sent"


def test_k16_the_address_stays_in_the_region(house, policy):
    claim = house.claim_at("received", policy)
    abroad = holders.ReturnAddress(line1="Hauptstr. 1", city="Bonn", country="DE")
    with pytest.raises(Conflict, match="in the region United States"):
        correct(house, claim, abroad)


@pytest.mark.parametrize("state", ["shipped", "completed", "declined", "cancelled", "returning"])
def test_k16_nothing_is_corrected_when_the_parcel_is_gone_or_the_claim_has_ended(
    house, policy, state
):
    claim = house.claim_at(state, policy)
    with pytest.raises(Conflict, match="can no longer be corrected"):
        correct(house, claim)


def test_k16_the_same_address_is_no_correction(house, policy):
    claim = house.claim_at("received", policy)
    correct(house, claim)
    with pytest.raises(Conflict, match="This is the address of the claim already"):
        correct(house, claim)
    assert Letter.objects.filter(name="claim_address").count() == 1
