from claims.models.claim import (
    CLOSED,
    COVERED,
    Claim,
    ClaimEvent,
    Deadline,
    Decision,
    FeePayment,
    Outcome,
    Photo,
    Progress,
)
from claims.models.shipment import CarrierMessage, Shipment

__all__ = [
    "CLOSED",
    "COVERED",
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
]
