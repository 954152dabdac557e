"""What needs doing, and other figures about claims. Reads only."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from claims.models import Claim, FeePayment, Progress, Shipment
from policies.rules.text import Text


@dataclass(frozen=True)
class Queue:
    """Claims that wait for one kind of work, the oldest first."""

    slug: str
    label: Text
    condition: Q

    def claims(self) -> QuerySet[Claim]:
        return Claim.objects.filter(self.condition)


UNDECIDED = Q(progress=Progress.SUBMITTED, accepted_at__isnull=True)
# Paid, and the step after it taken back: nobody is asked to pay again (K8).
PAID = Q(Exists(FeePayment.objects.paying().filter(claim=OuterRef("pk"))))

QUEUES = [
    Queue("decide", _("To decide"), UNDECIDED),
    Queue("arrived", _("Delivered, according to the carrier"), Q(
        # The last two: the parcel came after all (K15).
        progress__in=[
            Progress.LABEL_SENT, Progress.IN_TRANSIT, Progress.CANCELLED, Progress.LAPSED
        ],
        shipments__direction=Shipment.Direction.INBOUND,
        shipments__delivered_at__isnull=False,
    )),
    Queue("parts", _("Waiting for missing parts"), Q(progress=Progress.PARTS_MISSING)),
    Queue("assess", _("To assess"), Q(progress=Progress.RECEIVED)),
    Queue("assessed", _("Assessed, to go on"),
        Q(progress=Progress.ASSESSED) | Q(progress=Progress.AWAITING_FEE) & PAID),
    # The second: its payment belonged to another claim.
    Queue("fee", _("Fee to record"),
        Q(progress__in=[Progress.AWAITING_FEE, Progress.PREPARING], fee_amount__gt=0) & ~PAID),
    Queue("ship", _("Replacement to ship"), Q(progress=Progress.PREPARING)),
    Queue("complete", _("On its way to the customer"), Q(progress=Progress.SHIPPED)),
    Queue("return", _("To be returned"), Q(progress=Progress.RETURNING)),
    Queue("refund", _("Refund due"), Q(pk__in=FeePayment.objects.due().values("claim"))),
    Queue("label", _("Label failed"), Q(shipments__state=Shipment.State.FAILED)),
]  # fmt: skip
