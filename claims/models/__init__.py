from claims.models.claim import (
    CLOSED,
    COVERED,
    WITHOUT_REPLACEMENT,
    Claim,
    ClaimEvent,
    Decision,
    Outcome,
    Photo,
    Progress,
)
from claims.models.deadline import STATES, WAITING, Deadline, ends_at
from claims.models.payment import FeePayment, refund_due
from claims.models.shipment import CarrierMessage, Shipment
from claims.models.visit import Visit, visits

__all__ = [
    "CLOSED",
    "COVERED",
    "STATES",
    "WAITING",
    "WITHOUT_REPLACEMENT",
    "CarrierMessage",
    "Claim",
    "ClaimEvent",
    "Deadline",
    "Decision",
    "FeePayment",
    "Outcome",
    "Photo",
    "Progress",
    "Shipment",
    "Visit",
    "ends_at",
    "refund_due",
    "visits",
]
