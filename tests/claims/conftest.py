"""The cast: Ann's Mavic 2 Pro with a 1-Year plan, and the house that handles her claims."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.db import models

from claims import assessment, chasing, intake, progress
from claims.carriers.base import Label, LabelRequest
from claims.models import Claim, ClaimEvent, Deadline, Decision, FeePayment, Photo, Shipment
from claims.reporting import queues
from policies.models import (
    AllowanceUse,
    Drone,
    DroneModel,
    Hold,
    Letter,
    Policy,
    PolicyEvent,
    Region,
)
from policies.shared.actor import Actor
from tests import factories

SERIAL = "0AXCANN0000001"
NEW_SERIAL = "0AXCNEW0000001"
ACTIVATED = datetime(2026, 1, 3, 20, 0, tzinfo=UTC)
# Tuesday, 10 March 2026, eleven in the morning in New York (summer time since Sunday).
NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)

CUSTOMER = Actor.customer(address="198.51.100.7")
DESK = Actor.command("claims desk")

VERBS: dict[str, Callable[..., Any]] = vars(progress) | {
    "lapse": partial(chasing.give_up, kind=Deadline.Kind.LABEL),
    "give_up_on_fee": partial(chasing.give_up, kind=Deadline.Kind.FEE),
    "give_up_on_parts": partial(chasing.give_up, kind=Deadline.Kind.PARTS),
    "assess": assessment.assess,
    "overrule": assessment.overrule,
}
# The shortest way of a care claim to each state.
WAY: dict[str, list[str]] = {
    "submitted": [],
    "label_sent": ["accept", "label_bought"],
    "in_transit": ["accept", "label_bought", "pick_up"],
    "received": ["accept", "label_bought", "receive"],
    "parts_missing": ["accept", "label_bought", "receive", "miss_parts"],
    "assessed": ["accept", "label_bought", "receive", "assess"],
    "awaiting_fee": ["accept", "label_bought", "receive", "assess", "ask_fee"],
    "preparing": ["accept", "label_bought", "receive", "assess", "ask_fee", "pay"],
    "shipped": ["accept", "label_bought", "receive", "assess", "ask_fee", "pay", "ship"],
    "completed": [
        *("accept", "label_bought", "receive", "assess", "ask_fee", "pay", "ship", "complete")
    ],
    "returning": ["accept", "label_bought", "receive", "assess", "send_back"],
    "returned": ["accept", "label_bought", "receive", "assess", "send_back", "hand_back"],
    "declined": ["decline"],
    "cancelled": ["accept", "label_bought", "cancel"],
    "lapsed": ["accept", "label_bought", "lapse"],
}


@dataclass
class House:
    """The service centre: every step is taken by the claims desk, an hour after the last one."""

    now: datetime = NOW
    numbers: Any = field(default_factory=lambda: count(1))

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def request(self, policy: Policy, **changes: Any) -> Claim:
        """The repair request of the policy's holder; `changes` to what its form says."""
        usual = {
            "serial": policy.drone.serial,
            "email": policy.holder.email,
            "cause": "collision",
            "happened_on": date(2026, 3, 8),
            "description": "It flew into a tree.",
            "parts": ["aircraft", "gimbal"],
            "line1": "1 Main Street",
            "city": "Albany",
            "state": "NY",
            "postal_code": "12207",
            "country": "US",
        }
        request = intake.Request(**(usual | changes))
        claim = intake.request_repair(request, actor=CUSTOMER, now=self.now)
        self.later(hours=1)
        return claim

    def do(self, claim: Claim, verb: str, **changes: Any) -> Any:
        """One step as the desk would take it; `changes` to its usual words."""
        claim = Claim.objects.get(pk=claim.pk)
        words = self.usual_words(claim, verb) | changes
        subject = words.pop("shipment", claim)
        result = VERBS[verb](subject, **words, actor=DESK, now=self.now)
        self.later(hours=1)
        return result

    def usual_words(self, claim: Claim, verb: str) -> dict[str, Any]:
        number = next(self.numbers)
        words: dict[str, Callable[[], dict[str, Any]]] = {
            "label_bought": lambda: {
                "shipment": claim.shipments.filter(direction="inbound").last(),
                "facts": self.label(claim, number),
            },
            "overrule": lambda: {"outcome": "care", "reason": "The film shows the tree."},
            "decline": lambda: {"reason": "The damage is older than the plan."},
            "miss_parts": lambda: {"missing": "Please send the battery, too."},
            "assess": lambda: {
                "cause_found": claim.cause,
                "parts_received": claim.parts,
                "parts_damaged": claim.parts,
            },
            "pay": lambda: {
                "amount": claim.fee_amount if claim.fee_amount is not None else Decimal("119.00"),
                "currency": claim.fee_currency or "USD",
                "method": "bank_transfer",
                "reference": f"PAY-{number}",
            },
            "refund": lambda: {"reference": f"REFUND-{number}"},
            "reverse_payment": lambda: {
                "reference": claim.payments.latest("id").reference,
                "reason": "It was for another claim.",
            },
            "send_back": lambda: {"reason": "There is water in the battery."},
            "ship": lambda: {
                "new_serial": f"0AXCNEW{number:07d}",
                "condition": "new",
                "tracking_number": f"OUT{number:05d}",
            },
            "lapse": lambda: {"days": 0},
            "give_up_on_fee": lambda: {"days": 0},
            "give_up_on_parts": lambda: {"days": 0},
            "undo": lambda: {"reason": "The wrong button."},
        }
        return words[verb]() if verb in words else {}

    def label(self, claim: Claim, number: int) -> dict[str, Any]:
        """The columns that a bought label fills."""
        return {
            "carrier": "paper",
            "carrier_id": f"paper-{number}",
            "tracking_number": f"IN{number:05d}",
            "tracking_url": "",
            "label": f"claims/labels/{claim.number}.pdf",
            "bought_at": self.now,
            "last_error": "",
        }

    def take(self, claim: Claim, *verbs: str) -> Claim:
        """Several steps in their usual words; the claim as it stands then."""
        for verb in verbs:
            self.do(claim, verb)
        return fresh(claim)

    def claim_at(self, state: str, policy: Policy, **changes: Any) -> Claim:
        """A claim that has come the shortest way to a state."""
        claim = self.take(self.request(policy, **changes), *WAY[state])
        assert claim.progress == state
        return claim


class PaperCarrier:
    """A carrier without a network: it sells one label per reference, and takes labels back."""

    name = "paper"

    def __init__(self) -> None:
        self.sold: dict[str, Label] = {}
        self.voided: list[str] = []

    def buy(self, request: LabelRequest) -> Label:
        number = f"IN-{request.reference}"
        return self.sold.setdefault(
            request.reference,
            Label(
                carrier_id=f"paper-{request.reference}",
                tracking_number=number,
                tracking_url=f"https://paper.example/{number}",
                pdf=b"%PDF-1.4 a label on paper",
            ),
        )

    def void(self, carrier_id: str, *, reference: str = "") -> None:
        if carrier_id not in self.voided:
            self.voided.append(carrier_id)


# --- what was written ----------------------------------------------------------


def fresh(claim: Claim) -> Claim:
    return Claim.objects.get(pk=claim.pk)


def in_queue(slug: str) -> list[Claim]:
    """The claims that the desk sees in a queue."""
    [queue] = [queue for queue in queues.QUEUES if queue.slug == slug]
    return list(queue.claims())


def timeline(claim: Claim) -> list[str]:
    """The claim's history: the state it moved to, "<- state" for a step back, else the kind."""
    words = {
        ClaimEvent.Kind.MOVED: lambda event: event.after,
        ClaimEvent.Kind.UNDONE: lambda event: f"<- {event.after}",
    }
    return [
        words.get(event.kind, lambda event: f"({event.kind})")(event)
        for event in claim.events.order_by("id")
    ]


def letters_of(claim: Claim) -> list[str]:
    rows = Letter.objects.filter(reference=claim.number).order_by("id")
    return list(rows.values_list("name", flat=True))


def ledger(policy: Policy) -> list[tuple[int, str]]:
    """The live uses: ordinal and the claim that took it."""
    uses = AllowanceUse.objects.live().filter(policy=policy).order_by("ordinal")
    return list(uses.values_list("ordinal", "reference"))


def left(policy: Policy) -> int:
    return Policy.objects.get(pk=policy.pk).replacements_left()


def decisions_of(claim: Claim) -> list[tuple[str, str]]:
    return list(claim.decisions.order_by("id").values_list("kind", "outcome"))


def everything_written() -> dict[str, list[tuple]]:
    """Every row that a claim verb could touch."""
    tables: list[type[models.Model]] = [
        *(Claim, ClaimEvent, Decision, Photo, FeePayment, Shipment),
        *(Letter, AllowanceUse, Hold, Policy, PolicyEvent, Drone),
    ]
    return {
        table.__name__: list(table._default_manager.order_by("pk").values_list())
        for table in tables
    }


# --- fixtures --------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_query_per_row() -> None:
    """Tests of verbs call one verb several times, which looks like a query per row and isn't."""


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def carrier() -> PaperCarrier:
    return PaperCarrier()


@pytest.fixture
def us(db) -> Region:
    return Region.objects.get(code="US")


@pytest.fixture
def mavic_2_pro(db) -> DroneModel:
    return DroneModel.objects.get(slug="mavic-2-pro")


@pytest.fixture
def mavic_air(db) -> DroneModel:
    return DroneModel.objects.get(slug="mavic-air")


@pytest.fixture
def ann(db):
    return factories.CustomerFactory(name="Ann Lee", email="ann@example.com")


@pytest.fixture
def drone(db) -> Drone:
    return factories.DroneFactory(serial=SERIAL, activated_at=ACTIVATED)


@pytest.fixture
def policy(drone, ann) -> Policy:
    """Ann's 1-Year plan: 5 January 2026 to 5 January 2027, two replacements."""
    return factories.PolicyFactory(drone=drone, holder=ann)
