from policies.models.catalogue import (
    Cause,
    CoveredPart,
    DroneModel,
    Exclusion,
    Part,
    Plan,
    Region,
    RegionCountry,
    ReplacementFee,
    Series,
)
from policies.models.clock import ReminderDay, Snapshot, SweepRun
from policies.models.code import ActivationCode, CodeBatch, CodeEvent
from policies.models.cover_terms import CoverTerms
from policies.models.customer import Customer
from policies.models.drone import ActivationSource, ActivationStatement, Drone, DroneEvent
from policies.models.event import Event
from policies.models.hold import Hold
from policies.models.imports import Import, ImportEvent
from policies.models.letter import Letter
from policies.models.link import Link
from policies.models.order import Order, OrderEvent
from policies.models.policy import AllowanceUse, Period, Policy, PolicyEvent
from policies.models.sale import Sale, SaleEvent
from policies.models.sent_form import SentForm
from policies.models.throttle import Throttle
from policies.models.verification import BindingPermit, VerificationStep, VideoVerification

__all__ = [
    "ActivationCode",
    "ActivationSource",
    "ActivationStatement",
    "AllowanceUse",
    "BindingPermit",
    "Cause",
    "CodeBatch",
    "CodeEvent",
    "CoverTerms",
    "CoveredPart",
    "Customer",
    "Drone",
    "DroneEvent",
    "DroneModel",
    "Event",
    "Exclusion",
    "Hold",
    "Import",
    "ImportEvent",
    "Letter",
    "Link",
    "Order",
    "OrderEvent",
    "Part",
    "Period",
    "Plan",
    "Policy",
    "PolicyEvent",
    "Region",
    "RegionCountry",
    "ReminderDay",
    "ReplacementFee",
    "Sale",
    "SaleEvent",
    "SentForm",
    "Series",
    "Snapshot",
    "SweepRun",
    "Throttle",
    "VerificationStep",
    "VideoVerification",
]
