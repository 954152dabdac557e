"""What a carrier's tracking message means for a claim."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db import transaction

from claims import progress
from claims.models import CarrierMessage, Progress, Shipment
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


class News(Enum):
    MOVING = "moving"
    DELIVERED = "delivered"


@dataclass(frozen=True)
class Message:
    """`message_id` is the carrier's own: a message that comes twice has the same one."""

    message_id: str
    tracking_number: str
    news: News


def receive(message: Message, *, actor: Actor, now: datetime) -> bool:
    """Acts on a message about a parcel of ours, once; returns whether it did.

    A parcel that moves has been picked up. A delivery is only recorded, since a person must
    look into the box. News that a claim has already passed changes nothing.
    """
    with transaction.atomic():
        parcels = Shipment.objects.filter(tracking_number=message.tracking_number)
        ours = list(parcels.select_related("claim__policy"))
        if not ours or not _is_new(message, now=now):
            return False
        for parcel in ours:
            if parcel.direction == Shipment.Direction.INBOUND:
                _pick_up(parcel, actor=actor, now=now)
        if message.news == News.DELIVERED:
            parcels.filter(delivered_at=None).update(delivered_at=now)
        return True


def _is_new(message: Message, *, now: datetime) -> bool:
    # The same message sent again waits here until the first one's transaction has ended.
    _row, new = CarrierMessage.objects.get_or_create(
        message_id=message.message_id, defaults={"received_at": now}
    )
    return new


def _pick_up(parcel: Shipment, *, actor: Actor, now: datetime) -> None:
    if parcel.claim.progress != Progress.LABEL_SENT:
        return
    with suppress(Conflict):  # it has moved meanwhile
        progress.pick_up(parcel.claim, actor=actor, now=now)
