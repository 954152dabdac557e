"""The claims of the book: where each stands, and what its customer has been told."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.papers import Paper

# What a claim is chased for, and the letter that reminds (K6).
CHASED = {
    "label_sent": "label_reminder",
    "awaiting_fee": "fee_reminder",
    "parts_missing": "parts_reminder",
}
ENDED_WITHOUT_REPLACEMENT = {"declined", "cancelled", "lapsed", "returned"}
ENDED = ENDED_WITHOUT_REPLACEMENT | {"completed"}
NOTHING_TO_PAY = ENDED_WITHOUT_REPLACEMENT | {"returning"}
# Its parcel may come all the same (K15).
ENDED_BEFORE_ARRIVAL = {"cancelled", "lapsed"}
# What has left the house cannot be taken back (K10).
CAN_BE_TAKEN_BACK = {
    *("in_transit", "received", "parts_missing", "assessed", "awaiting_fee"),
    *("preparing", "completed", "returning"),
}
LETTERS = {
    "submitted": "claim_received",
    "label_sent": "claim_label",
    "in_transit": "claim_in_transit",
    "received": "claim_arrived",
    "parts_missing": "claim_parts_missing",
    "assessed": "claim_assessed",
    "awaiting_fee": "claim_fee_due",
    "preparing": "claim_preparing",
    "shipped": "claim_shipped",
    "completed": "claim_completed",
    "returning": "claim_returning",
    "returned": "claim_returned",
    "declined": "claim_declined",
    "cancelled": "claim_cancelled",
    "lapsed": "claim_lapsed",
}

# A state, and for which time the claim is there.
Place = tuple[str, int]
News = tuple[Hashable, ...]


@dataclass
class Payment:
    """Money for a claim (K8), until it is paid back, or put right as another claim's."""

    reference: str
    # The fee of which replacement it is, to the cent; None for any other amount.
    fee_of: int | None
    paid_back_at: datetime | None = None
    is_live: bool = True


@dataclass
class Case:
    """One claim in the book."""

    number: str
    paper: Paper
    serial: str
    cause: str
    outcome: str
    since: datetime
    submitted: datetime = field(init=False)
    life: int = field(init=False)
    # With which outcome it was accepted, at first or after its end; with what it had ended.
    at_acceptance: str = field(init=False)
    at_end: tuple[str, int | None] = field(init=False)
    # Which replacement it takes, and which it took the last time (K4).
    ordinal: int | None = None
    ordinal_before: int | None = None
    # The drone that it is about, from its shipment on the one that went out (B6, T1).
    drone: str = field(init=False)
    # Whether its policy can be neither sold nor cancelled for its sake (T3).
    holds: bool = True
    accepted: bool = False
    payments: list[Payment] = field(default_factory=list)
    sent_out: bool = False
    # Where it has been and still counts as having been; a step taken back is struck out.
    trail: list[str] = field(default_factory=lambda: ["submitted"])
    # When it first came to each place of the trail, struck out since or not.
    first: dict[Place, datetime] = field(default_factory=dict)
    reminded: list[Place] = field(default_factory=list)
    # What the customer was told of each place, as far as no letter has corrected it.
    told: dict[Place, News] = field(default_factory=dict)
    # All letters in their order, and whether they are corrections.
    letters: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.drone = self.serial
        self.submitted, self.life = self.since, self.paper.life
        self.at_acceptance, self.at_end = self.outcome, (self.outcome, None)

    @property
    def state(self) -> str:
        return self.trail[-1]

    @property
    def place(self) -> Place:
        return self.state, self.trail.count(self.state)

    def places(self) -> set[Place]:
        """Where it counts as having been."""
        return {(state, self.trail[:end].count(state)) for end, state in enumerate(self.trail, 1)}

    def is_over(self) -> bool:
        return self.state in ENDED

    def is_anothers(self) -> bool:
        """T2: the policy has gone to a new owner since the request."""
        return self.paper.sold_at is not None and self.paper.sold_at >= self.submitted

    # --- steps -------------------------------------------------------------------------------

    def go(self, state: str, at: datetime) -> None:
        self.trail.append(state)
        self.since = at
        self.first.setdefault(self.place, at)

    def step(self, state: str, at: datetime, *news: Hashable) -> None:
        """The claim comes to a state, with a letter that says this beside the state."""
        self.go(state, at)
        self.tell(*news)

    def step_back(self, at: datetime) -> None:
        self.trail.pop()
        self.since = at

    # --- time (K6) ---------------------------------------------------------------------------

    def deadline(self) -> datetime | None:
        """Thirty days from the first coming; three from the last, if those had passed then."""
        if self.state not in CHASED:
            return None
        end = self.first[self.place] + timedelta(days=30)
        return end if end >= self.since else self.since + timedelta(days=3)

    # --- money (K8) --------------------------------------------------------------------------

    def has_fee(self) -> bool:
        return self.outcome == "care" and self.state not in NOTHING_TO_PAY

    def owes(self) -> bool:
        return self.has_fee() and self.paying() is None

    def live(self) -> list[Payment]:
        return [payment for payment in self.payments if payment.is_live]

    def paying(self) -> Payment | None:
        """The one that pays the fee."""
        fitting = (one for one in self.live() if one.fee_of == self.ordinal)
        return next(fitting, None) if self.has_fee() else None

    def due(self) -> list[Payment]:
        """What is to be paid back: it came late, or twice, or for a replacement that does not."""
        return [payment for payment in self.live() if payment is not self.paying()]

    def due_in_all(self) -> tuple[Hashable, ...]:
        return tuple(sorted(str(payment.fee_of) for payment in self.due()))

    def was_paid_back(self) -> bool:
        """The fee, since the claim came to where it stands."""
        return any(
            one.fee_of == self.ordinal and one.paid_back_at and one.paid_back_at >= self.since
            for one in self.payments
        )

    # --- letters (K10) -----------------------------------------------------------------------

    def tell(self, *news: Hashable) -> None:
        """The same news is not told twice; what follows a letter that no longer holds corrects."""
        told = (self.outcome, self.ordinal, self.deadline(), *news)
        if self.told.get(self.place) == told:
            return
        correction = self.place in self.told or not self.told.keys() <= self.places()
        if correction:
            self.told = {place: old for place, old in self.told.items() if place in self.places()}
        self.told[self.place] = told
        self.letters.append((self._letter(), correction))

    def _letter(self) -> str:
        paid_for = self.state == "preparing" and self.outcome == "care"
        return "claim_fee_received" if paid_for else LETTERS[self.state]

    def remind(self) -> None:
        self.reminded.append(self.place)
        self.letters.append((CHASED[self.state], False))
