"""The label worker: buys what is ordered and takes back what is not used (K5).

A row says what is wanted; the worker claims it with a lease, talks to the carrier outside
any transaction, and writes the result. Killed in between, it asks again under the same
reference, and the carrier sells nothing twice.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.files.base import ContentFile

from claims import progress
from claims.carriers.base import Address, Carrier, CarrierError, Label, LabelRequest, Parcel
from claims.models import Claim, Shipment
from policies.models import DroneModel
from policies.shared import leases
from policies.shared.actor import Actor
from policies.shared.leases import Lease

LEASE = Lease(lasts=timedelta(minutes=5), tries=6)
WORKER = Actor.command("buy_labels")
State = Shipment.State


def work(
    carrier: Carrier,
    *,
    clock: Callable[[], datetime],
    batch: int = 1,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[int, int]:
    """Works off the orders that are due; returns how many went well, how many went wrong.

    One at a time: the lease must outlast the slowest sale, and a batch of slow sales would
    still be in hand when the next worker takes them up. Goes on until `stop`.
    """
    well = wrong = 0
    while not stop() and (claimed := _claim(clock(), batch)):
        for shipment in claimed:
            if _serve(shipment, carrier, clock):
                well += 1
            else:
                wrong += 1
    return well, wrong


def _claim(now: datetime, batch: int) -> list[Shipment]:
    return leases.claim(
        Shipment.objects.due(at=now),
        LEASE,
        now=now,
        batch=batch,
        related=[
            *("claim__policy__region", "claim__policy__plan", "claim__policy__holder"),
            "claim__drone__drone_model",
        ],
    )


def _serve(shipment: Shipment, carrier: Carrier, clock: Callable[[], datetime]) -> bool:
    if LEASE.is_used_up(shipment):
        _fail(shipment, shipment.last_error or str(leases.STOPPED))
        return False
    try:
        if shipment.state == State.VOIDING:
            carrier.void(shipment.carrier_id, reference=shipment.reference)
            leases.write(shipment, state=State.VOID, last_error="")
        else:
            _bought(shipment, carrier, carrier.buy(request_for(shipment.claim, shipment)), clock())
    except CarrierError as error:
        _went_wrong(shipment, error, now=clock())
        return False
    except OSError as error:  # the disk that keeps the labels
        full = CarrierError(f"{type(error).__name__}: {error}", permanent=False)
        _went_wrong(shipment, full, now=clock())
        return False
    return True


def request_for(claim: Claim, shipment: Shipment) -> LabelRequest:
    region = claim.policy.region
    return LabelRequest(
        reference=shipment.reference,
        claim_number=claim.number,
        sender=Address(
            name=claim.name,
            line1=claim.line1,
            line2=claim.line2,
            city=claim.city,
            state=claim.state,
            postal_code=claim.postal_code,
            country=str(claim.country),
            phone=claim.policy.holder.phone,
        ),
        receiver=Address(
            name=region.service_centre,
            line1=region.line1,
            line2=region.line2,
            city=region.city,
            state=region.state,
            postal_code=region.postal_code,
            country=str(region.country),
            phone=region.phone,
        ),
        parcel=_parcel(claim.drone.drone_model),
    )


def _parcel(model: DroneModel) -> Parcel:
    return Parcel(
        description=model.name,
        length_cm=model.length_cm,
        width_cm=model.width_cm,
        height_cm=model.height_cm,
        weight_g=model.weight_g,
        value=model.customs_value,
        tariff_number=model.tariff_number,
        origin_country=str(model.origin_country),
    )


def _bought(shipment: Shipment, carrier: Carrier, label: Label, now: datetime) -> None:
    # The file first: a row must never point to a label that is not there. The name is the
    # reference, so that a second try replaces the file instead of adding one.
    storage = Shipment._meta.get_field("label").storage
    name = f"claims/labels/{shipment.reference}.pdf"
    storage.delete(name)
    stored = storage.save(name, ContentFile(label.pdf))
    facts = {
        "carrier": carrier.name,
        "carrier_id": label.carrier_id,
        "tracking_number": label.tracking_number,
        "tracking_url": label.tracking_url,
        "label": stored,
        "bought_at": now,
        "last_error": "",
    }
    # Without the guard of the lease: what the carrier has sold is kept whichever try bought it,
    # and an order that was taken back meanwhile needs it to take the label back.
    progress.label_bought(shipment, facts, actor=WORKER, now=now)


def _went_wrong(shipment: Shipment, error: CarrierError, *, now: datetime) -> None:
    next_try_at = LEASE.next_try_at(shipment, now=now)
    if next_try_at is None or error.permanent:
        _fail(shipment, str(error))
    else:
        leases.write(shipment, next_try_at=next_try_at, last_error=str(error)[:2000])


def _fail(shipment: Shipment, error: str) -> None:
    leases.write(shipment, state=State.FAILED, last_error=error[:2000])
