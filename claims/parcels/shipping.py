"""Parcels of a claim: orders to the label worker, and what went out. Rows only, no network."""

from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from claims.models import Claim, Outcome, Shipment
from policies.rules import serials
from policies.shared.errors import Conflict

IN, OUT = Shipment.Direction.INBOUND, Shipment.Direction.OUTBOUND
State = Shipment.State


def order_label(claim: Claim, *, now: datetime) -> Shipment:
    """Orders the prepaid label (K5); the worker buys it from the carrier."""
    return Shipment.objects.create(
        claim=claim,
        direction=IN,
        state=State.WANTED,
        reference=f"{claim.number}-{claim.shipments.filter(direction=IN).count() + 1}",
        created_at=now,
        next_try_at=now,
    )


def record_label(shipment: Shipment, facts: dict[str, Any]) -> bool:
    """Writes what the carrier sold; False when the order was taken back or served meanwhile.

    An order that was taken back while the worker was buying keeps the facts too, for the
    label to be taken back.
    """
    row = Shipment.objects.filter(pk=shipment.pk)
    if row.filter(state=State.WANTED).update(state=State.BOUGHT, **facts) == 1:
        return True
    row.filter(state__in=[State.VOIDING, State.VOID], carrier_id="").update(
        state=State.VOIDING, next_try_at=facts["bought_at"], attempts=0, **facts
    )
    return False


def void_unused(claim: Claim, *, bought: bool, now: datetime) -> None:
    """Takes back the orders for labels of a claim and, if told so, those that were bought."""
    labels = claim.shipments.filter(direction=IN, delivered_at=None)
    unserved = labels.filter(state__in=[State.WANTED, State.FAILED])
    # Not bought: no worker has ever had it in hand.
    unserved.filter(next_try_at=F("created_at")).update(state=State.VOID)
    # Any other may have been bought, at this moment or by a worker that died before it could
    # say so. `next_try_at` stays: a worker that is buying now has the lease until then.
    unserved.update(state=State.VOIDING, attempts=0)
    if bought:
        labels.filter(state=State.BOUGHT).update(state=State.VOIDING, next_try_at=now, attempts=0)


def failed_label(claim: Claim) -> Shipment | None:
    return Shipment.objects.filter(claim=claim, state=State.FAILED).first()


def try_again(claim: Claim, *, now: datetime) -> None:
    """Orders a failed label once more, or asks the carrier once more to take it back.

    Which of the two, the claim says: one that has ended needs no label. Raises Conflict when
    nothing has failed.
    """
    shipment = failed_label(claim)
    if shipment is None:
        raise Conflict(_("No label has failed."))
    failed = Shipment.objects.filter(pk=shipment.pk, state=State.FAILED)
    retry: dict[str, Any] = {"attempts": 0, "next_try_at": now, "last_error": ""}
    ordered = failed.filter(claim__progress="submitted").update(state=State.WANTED, **retry)
    if not ordered and not failed.update(state=State.VOIDING, **retry):
        raise Conflict(_("This label is not waiting for another try."))


def sent_out(claim: Claim, *, tracking_number: str, now: datetime) -> Shipment:
    """A parcel to the customer, as handed to the carrier by staff."""
    return Shipment.objects.create(
        claim=claim,
        direction=OUT,
        state=State.SENT,
        reference=f"{claim.number}-out-{claim.shipments.filter(direction=OUT).count() + 1}",
        tracking_number=tracking_number,
        created_at=now,
    )


def refuse_own_drone(claim: Claim, serial: str) -> None:
    """Raises Conflict for the damaged drone, where only a repair could have sent it back."""
    if is_same_drone(claim, serial) and claim.outcome != Outcome.WARRANTY:
        raise Conflict(_("The replacement cannot have the serial number of the damaged drone."))


def is_same_drone(claim: Claim, serial: str) -> bool:
    """Whether the serial is the damaged drone's own. Raises BadSerial."""
    return serials.normalise(serial) == claim.drone.serial
