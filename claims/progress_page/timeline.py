"""A claim as its customer sees it: where it stands, what comes next, what they must do (K12).

Reads a claim with its rows and writes nothing. What staff wrote for each other stays out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat

from claims import fees, moves
from claims.models import (
    CLOSED,
    WITHOUT_REPLACEMENT,
    Claim,
    ClaimEvent,
    Deadline,
    FeePayment,
    Outcome,
    Progress,
    Shipment,
    ends_at,
)
from claims.progress_page import explanation, sentences
from policies.models import Policy, PolicyEvent
from policies.rules.text import Text

P = Progress

# The way of a claim that ends well. What is missing here is a side path.
MAIN_PATH = [
    P.SUBMITTED,
    P.LABEL_SENT,
    P.IN_TRANSIT,
    P.RECEIVED,
    P.ASSESSED,
    P.AWAITING_FEE,
    P.PREPARING,
    P.SHIPPED,
    P.COMPLETED,
]
LABEL_IS_OF_USE = {P.LABEL_SENT, P.IN_TRANSIT}


@dataclass(frozen=True)
class Entry:
    """A line of the timeline. `standing` is done, current, ended, upcoming or correction."""

    standing: str
    label: Text
    at: datetime | None = None
    note: str = ""
    accepted_at: datetime | None = None


@dataclass(frozen=True)
class Tracking:
    number: str
    url: str


@dataclass(frozen=True)
class Timeline:
    """`todo` is print_label, pay_fee, send_parts or nothing; `tone` is act, go, good or ended.

    `condition` is that of the replacement: new, refurbished or nothing; for `fee` and `refund`
    see `_fee` and `_refund`.
    """

    headline: Text
    what_next: Text
    todo: str
    deadline: datetime | None
    tone: str
    steps: list[Entry]
    stage: tuple[int, int] | None
    decision: explanation.Explanation | None
    tracking: Tracking | None
    is_moving: bool
    note: str
    paid: FeePayment | None
    refunds: list[FeePayment]
    granted: int
    left: int
    condition: str
    fee: str

    @property
    def stages(self) -> list[str]:
        """One word for each stage: done, current or upcoming."""
        here, last = self.stage or (0, 0)
        return ["done"] * (here - 1) + ["current"] + ["upcoming"] * (last - here)


def claims_with_facts() -> QuerySet[Claim]:
    """Claims with all that the page tells: one row, and its payments, history and decisions."""
    policies = Policy.objects.with_allowance().filter(pk=OuterRef("policy"))
    related = ["policy__region", "policy__plan", "drone__drone_model", "replacement"]
    rows = ["payments", "events", "decisions"]
    claims = Claim.objects.select_related(*related).prefetch_related(*rows)
    return claims.annotate(
        granted=Subquery(policies.values("granted")),  # type: ignore[misc]
        used=Subquery(policies.values("used")),  # type: ignore[misc]
        label_days=_days(Deadline.Kind.LABEL),
        fee_days=_days(Deadline.Kind.FEE),
        parts_days=_days(Deadline.Kind.PARTS),
        moved=Subquery(_moves_to_replacement().values("data")[:1]),
        inbound=_parcel(Shipment.Direction.INBOUND, [Shipment.State.BOUGHT]),
        outbound=_parcel(Shipment.Direction.OUTBOUND, [Shipment.State.SENT]),
    )


def _moves_to_replacement() -> QuerySet[PolicyEvent]:
    """The act that moved the policy for a claim (T1): it holds the condition of the new drone."""
    return PolicyEvent.objects.filter(
        policy=OuterRef("policy"), kind=PolicyEvent.Kind.MOVED, note=OuterRef("number")
    ).order_by("-id")


def _days(kind: str) -> Subquery:
    return Subquery(Deadline.objects.filter(kind=kind).values("ends_after_days"))


def _parcel(direction: str, states: list[str]) -> Subquery:
    """Number and link of the newest parcel, on a line each."""
    parcels = Shipment.objects.filter(
        claim=OuterRef("pk"), direction=direction, state__in=states
    ).order_by("-id")
    # Not JSONObject: on SQLite it asks each new connection for the write lock.
    facts = Concat("tracking_number", Value("\n"), "tracking_url", output_field=CharField())
    return Subquery(parcels.values(facts=facts)[:1])


def of(claim: Any) -> Timeline:
    """`claim` comes from `claims_with_facts()`."""
    steps = moves.steps_that_stand(claim.events.all())
    todo = _todo(claim)
    return Timeline(
        headline=sentences.headline(claim),
        what_next=sentences.what_next(claim),
        todo=todo,
        deadline=_deadline(claim, todo),
        tone=_tone(claim, todo),
        steps=[*_past(claim, steps), *_upcoming(claim)],
        stage=_stage(claim),
        decision=explanation.of(claim),
        tracking=_tracking(claim),
        is_moving=claim.progress in {P.IN_TRANSIT, P.SHIPPED, P.RETURNING},
        note=steps[-1].public_note if steps else "",
        paid=fees.payment_of(claim),
        refunds=[one for one in claim.payments.all() if one.is_due or one.refunded_at],
        granted=claim.granted,
        left=max(claim.granted - claim.used, 0),
        condition=(claim.moved or {}).get("condition", ""),
        fee=_fee(claim),
    )


# --- where it stands ---------------------------------------------------------------------


def _todo(claim: Claim) -> str:
    kinds = {
        P.LABEL_SENT: "print_label",
        P.PARTS_MISSING: "send_parts",
        P.AWAITING_FEE: "pay_fee" if fees.is_owed(claim) else "nothing",
    }
    return kinds.get(P(claim.progress), "nothing")


def _deadline(claim: Any, todo: str) -> datetime | None:
    days = {
        "print_label": claim.label_days,
        "pay_fee": claim.fee_days,
        "send_parts": claim.parts_days,
    }.get(todo)
    return ends_at(claim, days=days) if days else None


def _tone(claim: Claim, todo: str) -> str:
    if claim.progress == P.COMPLETED:
        return "good"
    if claim.progress in WITHOUT_REPLACEMENT:
        return "ended"
    return "go" if todo == "nothing" else "act"


def _fee(claim: Claim) -> str:
    """How the fee stands: paid, none (nothing to pay, or no longer), now, next or later."""
    if fees.payment_of(claim) is not None:
        return "paid"
    if claim.progress in {*WITHOUT_REPLACEMENT, *CLOSED} or claim.fee_amount == 0:
        return "none"
    # The last: its payment belonged to another claim.
    when = {P.AWAITING_FEE: "now", P.ASSESSED: "next", P.PREPARING: "now"}
    return when.get(P(claim.progress), "later")


def _tracking(claim: Any) -> Tracking | None:
    """The parcel that is moving now."""
    inbound = {P.LABEL_SENT, P.IN_TRANSIT}
    outbound = {P.SHIPPED, P.COMPLETED, P.RETURNING, P.RETURNED}
    facts = (claim.progress in inbound and claim.inbound) or (
        claim.progress in outbound and claim.outbound
    )
    if not facts:
        return None
    number, _line_break, url = facts.partition("\n")
    # The link is the carrier's word: nothing but a web address becomes one.
    return Tracking(number, url if url.startswith(("https://", "http://")) else "")


# --- the steps ---------------------------------------------------------------------------


def _past(claim: Claim, steps: list[ClaimEvent]) -> Iterator[Entry]:
    for event in claim.events.all():
        if event.kind == ClaimEvent.Kind.UNDONE:
            undone = sentences.step(claim, event.after, event.before)
            yield Entry("correction", undone, event.at)
        elif event in steps:
            yield Entry(
                _standing(claim) if event == steps[-1] else "done",
                sentences.step(claim, event.before, event.after),
                event.at,
                event.public_note,
                claim.accepted_at if event.after == P.SUBMITTED else None,
            )


def _standing(claim: Claim) -> str:
    """How the newest step stands."""
    if claim.progress not in CLOSED:
        return "current"
    return "ended" if claim.progress in WITHOUT_REPLACEMENT else "done"


def _upcoming(claim: Claim) -> Iterator[Entry]:
    before = claim.progress
    for state in _ahead(claim):
        yield Entry("upcoming", sentences.step(claim, before, state))
        before = state


def _ahead(claim: Claim) -> list[Progress]:
    """What comes if nothing comes between."""
    if claim.progress == P.RETURNING:
        return [P.RETURNED]
    if claim.progress in CLOSED:
        return []
    if claim.outcome == Outcome.NOT_COVERED:
        # Undecided, nothing is promised; decided, the drone goes home.
        return [P.RETURNING, P.RETURNED] if claim.progress == P.ASSESSED else []
    path = [state for state in _path(claim) if state != P.AWAITING_FEE or fees.is_owed(claim)]
    if claim.progress == P.PARTS_MISSING:
        return path[path.index(P.RECEIVED) :]
    here = MAIN_PATH.index(P(claim.progress))
    return [state for state in path if MAIN_PATH.index(state) > here]


def _path(claim: Claim) -> list[Progress]:
    return [state for state in MAIN_PATH if state != P.AWAITING_FEE or fees.is_expected(claim)]


def _stage(claim: Claim) -> tuple[int, int] | None:
    """How far along the main path, or None off it: step 3 of 9."""
    path = _path(claim)
    if claim.progress == P.PARTS_MISSING:
        return path.index(P.RECEIVED) + 1, len(path)
    if claim.progress not in path or P.COMPLETED not in _ahead(claim):
        return None
    return path.index(P(claim.progress)) + 1, len(path)
