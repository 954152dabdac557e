"""Believable claims for the demo dealer: some in every state, made by the verbs themselves."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from operator import itemgetter

from claims import assessment, chasing, intake, progress
from claims.carriers.base import Carrier
from claims.models import COVERED, Claim, Deadline, Outcome
from claims.parcels import labels
from policies.demo import take_from_stock
from policies.models import Policy
from policies.shared.actor import Actor

STORIES = [
    ("collision", "Clipped a branch while filming a wedding; one arm is broken.", ["aircraft"]),
    ("water", "Landed in a lake after a low-battery warning.", ["aircraft", "battery"]),
    ("drop", "Fell from the landing pad when the car door hit it.", ["gimbal", "camera"]),
    ("signal_interference", "Lost signal near a mast and came down hard.", ["aircraft", "gimbal"]),
    ("product_defect", "The gimbal shakes since the last update, no crash.", ["gimbal"]),
    ("other_accident", "A dog got hold of it before I could pack it.", ["aircraft", "propellers"]),
    ("lost_or_stolen", "Flew off over the sea and never came back.", ["aircraft"]),
]

# Where each claim stands today, and how often.
ENDINGS = {
    "submitted": 5,
    "accepted": 1,
    "label_sent": 4,
    "in_transit": 3,
    "received": 3,
    "parts_missing": 2,
    "assessed": 2,
    "awaiting_fee": 3,
    "preparing": 3,
    "shipped": 3,
    "completed": 12,
    "returning": 1,
    "returned": 2,
    "declined": 2,
    "cancelled": 2,
    "lapsed": 1,
}


class ClaimsDesk:
    """Plays claims on the dealer's policies, each up to where it stands today."""

    def __init__(self, *, now: datetime, staff: Actor, carrier: Carrier, seed: int = 11) -> None:
        self.now = now
        self.staff = staff
        self.carrier = carrier
        self.random = random.Random(seed)  # noqa: S311 — a story, not a secret
        self.at = now

    def play(self) -> None:
        policies = list(
            Policy.objects.in_force(at=self.now)
            .filter(starts_at__lte=self.now - timedelta(days=50))
            .select_related("drone", "holder", "region")
            .order_by("id")
        )
        self.random.shuffle(policies)
        endings = [ending for ending, count in ENDINGS.items() for _number in range(count)]
        chosen = zip(policies, endings, strict=False)
        stories = [(self._begins(policy, ending), policy, ending) for policy, ending in chosen]
        for begins, policy, ending in sorted(stories, key=itemgetter(0)):
            self.at = begins
            self._claim(policy, ending)

    def _begins(self, policy: Policy, ending: str) -> datetime:
        """When the claim comes in: what is over lies anywhere in the life of its policy."""
        days = 12
        if ending in {"submitted", "accepted"}:
            days = 1
        elif ending in {"completed", "returned"}:
            days = self.random.randint(45, (self.now - policy.starts_at).days - 3)
        elif ending in {"lapsed", "cancelled"}:
            days = 45
        return self.now - timedelta(days=days, hours=self.random.randint(1, 20))

    def _claim(self, policy: Policy, ending: str) -> None:
        story = self._story(ending)
        claim = intake.request_repair(
            intake.Request(
                serial=policy.drone.serial,
                email=policy.holder.email,
                cause=story[0],
                description=story[1],
                parts=story[2],
                happened_on=(self.at - timedelta(days=2)).astimezone(policy.region.zone).date(),
                line1=f"{self.random.randint(1, 99)} Meadow Lane",
                city="Springfield",
                postal_code=str(self.random.randint(10_000, 99_999)),
                country=str(policy.holder.country),
            ),
            actor=Actor.customer("203.0.113.7"),
            now=self.at,
        )
        for step in self._path(ending, claim):
            self.at = min(self.at + timedelta(hours=self.random.randint(5, 16)), self.now)
            step(claim)
            claim.refresh_from_db()

    def _story(self, ending: str) -> tuple[str, str, list[str]]:
        if ending == "declined":
            return STORIES[6]
        if ending == "submitted":
            return self.random.choice(STORIES)
        # Care for most, a warranty repair now and then where no fee is in play.
        free = ending in {"in_transit", "received"}
        return self.random.choice(STORIES[:5] if free else STORIES[:4])

    def _path(self, ending: str, claim: Claim) -> list[Callable[[Claim], object]]:
        """The steps from the request to `ending`."""
        in_favour = claim.outcome in COVERED
        label: list[Callable[[Claim], object]] = [self._accept, self._buy_label]
        if not in_favour and ending != "declined":
            label.insert(0, self._overrule)
        arrive = [*label, self._pick_up, self._receive]
        assessed = [*arrive, self._assess]
        paid = [*assessed, self._ask_fee, self._pay]
        paths: dict[str, list[Callable[[Claim], object]]] = {
            "submitted": [],
            "accepted": label[:-1],
            "label_sent": label,
            "in_transit": [*label, self._pick_up],
            "received": arrive,
            "parts_missing": [*arrive, self._miss_parts],
            "assessed": assessed,
            "awaiting_fee": [*assessed, self._ask_fee],
            "preparing": paid,
            "shipped": [*paid, self._ship],
            "completed": [*paid, self._ship, self._complete],
            "returning": [*assessed, self._send_back],
            "returned": [*assessed, self._send_back, self._hand_back],
            "declined": [self._decline],
            "cancelled": [*label, self._cancel],
            "lapsed": [*label, self._lapse],
        }
        return paths[ending]

    def _overrule(self, claim: Claim) -> None:
        reason = "Photos show a plain accident."
        assessment.overrule(
            claim, outcome=Outcome.CARE, reason=reason, actor=self.staff, now=self.at
        )

    def _accept(self, claim: Claim) -> None:
        progress.accept(claim, actor=self.staff, now=self.at)

    def _buy_label(self, claim: Claim) -> None:
        labels.work(self.carrier, clock=lambda: self.at)

    def _pick_up(self, claim: Claim) -> None:
        progress.pick_up(claim, actor=self.staff, now=self.at)

    def _receive(self, claim: Claim) -> None:
        progress.receive(claim, actor=self.staff, now=self.at)

    def _miss_parts(self, claim: Claim) -> None:
        missing = "The battery was not in the parcel; please send it."
        progress.miss_parts(claim, missing=missing, actor=self.staff, now=self.at)

    def _assess(self, claim: Claim) -> None:
        assessment.assess(
            claim,
            cause_found=claim.cause,
            parts_received=claim.parts,
            parts_damaged=claim.parts,
            note="As described.",
            actor=self.staff,
            now=self.at,
        )

    def _ask_fee(self, claim: Claim) -> None:
        progress.ask_fee(claim, actor=self.staff, now=self.at)

    def _pay(self, claim: Claim) -> None:
        progress.pay(
            claim,
            amount=claim.fee_amount,
            currency=claim.fee_currency,
            method="card",
            reference=f"PAY-{self.random.randint(10**7, 10**8)}",
            actor=self.staff,
            now=self.at,
        )

    def _ship(self, claim: Claim) -> None:
        progress.ship(
            claim,
            new_serial=take_from_stock(claim.drone.drone_model, self.random, now=self.at),
            condition=self.random.choice(["new", "refurbished"]),
            tracking_number=f"1Z{self.random.randint(10**11, 10**12)}",
            actor=self.staff,
            now=self.at,
        )

    def _complete(self, claim: Claim) -> None:
        progress.complete(claim, actor=self.staff, now=self.at)

    def _send_back(self, claim: Claim) -> None:
        reason = "You told us that you are having it repaired elsewhere."
        progress.send_back(claim, reason=reason, actor=self.staff, now=self.at)

    def _hand_back(self, claim: Claim) -> None:
        progress.hand_back(claim, actor=self.staff, now=self.at)

    def _decline(self, claim: Claim) -> None:
        reason = "A lost drone is not covered by the plan."
        progress.decline(claim, reason=reason, actor=self.staff, now=self.at)

    def _cancel(self, claim: Claim) -> None:
        progress.cancel(claim, actor=Actor.customer("203.0.113.7"), now=self.at)

    def _lapse(self, claim: Claim) -> None:
        self.at = self.now - timedelta(days=1)
        chasing.give_up(claim, Deadline.Kind.LABEL, days=30, actor=chasing.CLOCK, now=self.at)
