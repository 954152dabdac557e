"""The moves of a claim: the table, and the one writer of `Claim.progress` (K10).

Whatever a step does (ledger, hold, shipment, history, letter) is done in one transaction, the
letter last. Locks are taken in one order: the policy, then the claim.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from claims import fees, letters
from claims.models import CLOSED, WAITING, Claim, ClaimEvent, Decision, Progress, Visit, visits
from claims.parcels import shipping
from policies import cover
from policies.shared.actor import Actor
from policies.shared.errors import Conflict

P = Progress

# Where each state leads. The customer's words for a state are in Progress; what is missing
# here is an end.
MOVES: dict[str, tuple[Progress, ...]] = {
    P.SUBMITTED: (P.LABEL_SENT, P.DECLINED, P.CANCELLED),
    P.LABEL_SENT: (P.IN_TRANSIT, P.RECEIVED, P.CANCELLED, P.LAPSED),
    P.IN_TRANSIT: (P.RECEIVED,),
    P.RECEIVED: (P.PARTS_MISSING, P.ASSESSED),
    P.PARTS_MISSING: (P.RECEIVED, P.RETURNING),
    P.ASSESSED: (P.AWAITING_FEE, P.PREPARING, P.RETURNING),
    P.AWAITING_FEE: (P.PREPARING, P.RETURNING),
    P.PREPARING: (P.SHIPPED,),
    P.SHIPPED: (P.COMPLETED,),
    P.RETURNING: (P.RETURNED,),
    # The parcel came all the same (K15).
    P.CANCELLED: (P.RECEIVED, P.RETURNING),
    P.LAPSED: (P.RECEIVED, P.RETURNING),
}

# Ends without a replacement: the use goes back into the allowance (K4).
GIVES_BACK = {P.DECLINED, P.CANCELLED, P.LAPSED, P.RETURNED}

# What staff may take back: steps that have not left the house (no label, no drone sent).
UNDOABLE = {
    P.IN_TRANSIT,
    P.RECEIVED,
    P.PARTS_MISSING,
    P.ASSESSED,
    P.AWAITING_FEE,
    P.PREPARING,
    P.COMPLETED,
    P.RETURNING,
}


def allows(claim: Claim, after: Progress) -> bool:
    """Whether the table leads from where the claim stands to `after`."""
    return after in MOVES.get(claim.progress, ())


@dataclass(frozen=True)
class Step:
    """One step about to be taken, by whom and when; `claim` with its rows locked."""

    claim: Claim
    actor: Actor
    now: datetime

    def begin(self, reasons: list[dict[str, Any]]) -> None:
        """Enters a new claim at the beginning of the table; `reasons` are those of the ruling."""
        claim = self.claim
        claim.progress, claim.progress_at, claim.waits_since = P.SUBMITTED, self.now, self.now
        claim.save(force_insert=True)
        cover.hold(claim.drone, policy=claim.policy, reference=claim.number, now=self.now)
        self.record_decision(Decision.Kind.INTAKE, claim.outcome, reasons)
        self.record(ClaimEvent.Kind.MOVED, "", P.SUBMITTED)
        letters.moved(claim, list(_history(claim)), now=self.now)

    def move(
        self,
        after: Progress,
        *,
        public_note: str = "",
        note: str = "",
        letter: dict[str, Any] | None = None,
        **columns: Any,
    ) -> None:
        """Raises Conflict for a move that is not open."""
        claim, before = self.claim, self.claim.progress
        if not allows(claim, after):
            raise Conflict(
                _("This step is not open: the claim stands at “%(progress)s”.")
                % {"progress": claim.get_progress_display()}
            )
        self._write(before, after, **columns)
        if after in CLOSED:
            self._close(after)
        elif before in CLOSED:
            self._hold()
        self.record(ClaimEvent.Kind.MOVED, before, after, public_note=public_note, note=note)
        history = list(_history(claim))
        letters.moved(claim, history, note=public_note, now=self.now, **(letter or {}))

    def take_back(self, before: str, *, reason: str, **columns: Any) -> None:
        """The reverse of the last move. No letter: the page tells of the correction.

        If other news follow, their letter says that it is a correction.
        """
        undone = self.claim.progress
        self._write(undone, before, back=True, **columns)
        if before in CLOSED:
            self._close(before)
        elif undone in CLOSED:
            self._hold()
        self.record(ClaimEvent.Kind.UNDONE, undone, before, note=reason)

    def _write(self, before: str, after: str, *, back: bool = False, **columns: Any) -> None:
        # The row is locked already; the guard is the net for a caller that forgot to.
        columns |= {
            "progress": after,
            "progress_at": self.now,
            "waits_since": self._first_came_at(after, back=back),
        }
        if Claim.objects.filter(pk=self.claim.pk, progress=before).update(**columns) != 1:
            raise Conflict(_("Somebody else has moved this claim meanwhile."))
        for name, value in columns.items():
            setattr(self.claim, name, value)
        fees.match(self.claim)

    def _first_came_at(self, after: str, *, back: bool) -> datetime:
        """When the claim first came to the visit that it makes now, taken back meanwhile or not."""
        if after not in WAITING:
            return self.now
        walk = list(visits(_history(self.claim)))
        _event, stand = walk[-1]
        earlier = sum(state == after for state, _time in stand)
        visit = stand[-2] if back else (after, earlier + 1)
        came = (
            event.at
            for event, stand in walk
            if event.kind == ClaimEvent.Kind.MOVED and stand[-1] == visit
        )
        return next(came, self.now)

    def set(self, **columns: Any) -> None:
        """Writes columns of the claim other than where it stands."""
        Claim.objects.filter(pk=self.claim.pk).update(**columns)
        for name, value in columns.items():
            setattr(self.claim, name, value)
        fees.match(self.claim)

    def _hold(self) -> None:
        """Holds the drone again, and the policy unless that is a new owner's, or a dead one."""
        claim, policy = self.claim, self.claim.policy
        own = policy.cancelled_at is None and not is_anothers(claim)
        cover.hold(
            claim.replacement or claim.drone,
            policy=policy if own else None,
            reference=claim.number,
            now=self.now,
        )

    def _close(self, after: str) -> None:
        if after in GIVES_BACK:
            cover.give_back(reference=self.claim.number, actor=self.actor, now=self.now)
        # Of what has lapsed or was cancelled the carrier has not seen the parcel.
        bought = after in {P.CANCELLED, P.LAPSED}
        shipping.void_unused(self.claim, bought=bought, now=self.now)
        cover.release(reference=self.claim.number)

    def record(
        self,
        kind: ClaimEvent.Kind,
        before: str = "",
        after: str = "",
        *,
        public_note: str = "",
        note: str = "",
    ) -> ClaimEvent:
        return ClaimEvent.objects.create(
            claim=self.claim,
            kind=kind,
            at=self.now,
            before=before,
            after=after,
            public_note=public_note,
            note=note,
            **self.actor.signature(),
        )

    def record_decision(
        self, kind: Decision.Kind, outcome: str, reasons: list[dict[str, Any]], note: str = ""
    ) -> None:
        Decision.objects.create(
            claim=self.claim,
            kind=kind,
            at=self.now,
            outcome=outcome,
            reasons=reasons,
            note=note,
            **self.actor.signature(),
        )


def lock(claim: Claim, actor: Actor, now: datetime) -> Step:
    """Locks the policy, then the claim, and reads both again."""
    policy = cover.lock(claim.policy)
    locked = Claim.objects.select_for_update(of=("self",)).get(pk=claim.pk)
    locked.policy = policy
    return Step(locked, actor, now)


def has_replacement_out(claim: Claim) -> bool:
    """Whether the drone that went out is not the damaged one, and the policy stands on it."""
    out = claim.replacement_id
    return out is not None and out != claim.drone_id and out == claim.policy.drone_id


def is_anothers(claim: Claim) -> bool:
    """Whether the policy has gone to a new owner since the request (T2)."""
    return cover.has_changed_hands(claim.policy, since=claim.submitted_at)


def steps_that_stand(events: Iterable[ClaimEvent]) -> list[ClaimEvent]:
    """Of a claim's events, the moves that were not taken back, oldest first (K10)."""
    newest: dict[Visit, ClaimEvent] = {}
    stand: list[Visit] = []
    for event, stand in visits(events):
        if event.kind == ClaimEvent.Kind.MOVED:
            newest[stand[-1]] = event
    return [newest[visit] for visit in stand]


def last_move(claim: Claim) -> ClaimEvent | None:
    """The newest step that stands, or None for a claim that only was submitted."""
    stand = steps_that_stand(_history(claim))
    return stand[-1] if len(stand) > 1 else None


def _history(claim: Claim) -> QuerySet[ClaimEvent]:
    # Read again: a verb has just written to it.
    kinds = [ClaimEvent.Kind.MOVED, ClaimEvent.Kind.UNDONE]
    return claim.events.filter(kind__in=kinds).order_by("id")
