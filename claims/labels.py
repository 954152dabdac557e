"""The label worker: buys what is ordered and takes back what is not used (K5).

A row says what is wanted; the worker claims it with a lease, talks to the carrier outside
any transaction, and writes the result. Killed in between, it asks again under the same
reference, and the carrier sells nothing twice.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import F

from claims import progress
from claims.carriers.base import Address, Carrier, CarrierError, Label, LabelRequest
from claims.models import Claim, Shipment
from policies.shared.actor import Actor

LEASE = timedelta(minutes=5)
PAUSES = [
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
]
MAX_ATTEMPTS = len(PAUSES) + 1
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
    with transaction.atomic():
        due = Shipment.objects.due(at=now).order_by("next_try_at", "id")
        pks = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:batch])
        Shipment.objects.filter(pk__in=pks).update(
            attempts=F("attempts") + 1, next_try_at=now + LEASE
        )
    related = ["claim__policy__region", "claim__policy__plan", "claim__policy__holder"]
    return list(Shipment.objects.filter(pk__in=pks).select_related(*related).order_by("id"))


def _serve(shipment: Shipment, carrier: Carrier, clock: Callable[[], datetime]) -> bool:
    if shipment.attempts > MAX_ATTEMPTS:
        _fail(shipment, shipment.last_error or "The worker stopped in the middle of every try.")
        return False
    try:
        if shipment.state == State.VOIDING:
            carrier.void(shipment.carrier_id, reference=shipment.reference)
            _written(shipment, state=State.VOID, last_error="")
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
        ),
        receiver=Address(
            name=region.service_centre,
            line1=region.line1,
            line2=region.line2,
            city=region.city,
            state=region.state,
            postal_code=region.postal_code,
            country=str(region.country),
        ),
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
    progress.label_bought(shipment, facts, actor=WORKER, now=now)


def _went_wrong(shipment: Shipment, error: CarrierError, *, now: datetime) -> None:
    if error.permanent or shipment.attempts >= MAX_ATTEMPTS:
        _fail(shipment, str(error))
    else:
        pause = PAUSES[shipment.attempts - 1]
        _written(shipment, next_try_at=now + pause, last_error=str(error)[:2000])


def _fail(shipment: Shipment, error: str) -> None:
    _written(shipment, state=State.FAILED, last_error=error[:2000])


def _written(shipment: Shipment, **values: object) -> None:
    # Only the try that made the claim may write its result.
    Shipment.objects.filter(
        pk=shipment.pk, state=shipment.state, attempts=shipment.attempts
    ).update(**values)
