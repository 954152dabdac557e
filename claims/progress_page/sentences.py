"""What the customer reads about a claim: where it stands, and what comes next (K12)."""

from django.utils.translation import gettext_lazy as _

from claims import fees
from claims.models import Claim, Outcome, Progress
from policies.rules.text import Text

P = Progress

NEXT: dict[str, Text] = {
    P.SUBMITTED: _("We read your request and tell you by e-mail whether your plan covers it."),
    P.LABEL_SENT: _("As soon as the carrier has your parcel, you can follow it here."),
    P.IN_TRANSIT: _("When your parcel arrives, we check what is in it."),
    P.RECEIVED: _("We examine the damage and tell you what we found."),
    P.PARTS_MISSING: _("As soon as the missing parts are here, we examine the damage."),
    P.AWAITING_FEE: _("As soon as the fee is here, we prepare your replacement."),
    P.PREPARING: _("We send your replacement as soon as it is ready, and mail you its tracking."),
    P.SHIPPED: _("The carrier brings it to the address in your request."),
    P.COMPLETED: _("Everything is done. We wish you good flights."),
    P.RETURNING: _("The carrier brings your own drone to the address in your request."),
    P.RETURNED: _("Your own drone is back with you. This request is closed."),
    P.DECLINED: _(
        "This request is closed. If we misunderstood something, please answer our letter."
    ),
    P.CANCELLED: _("This request is closed."),
    P.LAPSED: _("The label was not used in time, so this request is closed."),
}
ACCEPTED = _("We are making your shipping label. You will find it here, and we e-mail it to you.")
REPAIRING = _("We send your drone as soon as it is repaired, and mail you its tracking.")
PARTS_ARRIVED = _("Missing parts arrived")
REPAIRED = _("Your repaired drone is on its way")
ASSESSED: dict[str, Text] = {
    Outcome.CARE: _("Next, we ask you for the replacement fee."),
    Outcome.WARRANTY: _("Next, we repair it, free of charge."),
    Outcome.NOT_COVERED: _("What we found is not covered, as explained below."),
    Outcome.NEEDS_REVIEW: _("A colleague takes a closer look, then you hear from us."),
}
# Taken up again, when no replacement was left for it (K15).
ONLY_BACK = _("We can only send your drone back, as explained below.")
FEE_SETTLED = _("Next, we prepare your replacement.")
FEE_IS_HERE = _("Your fee is here")


def headline(claim: Claim) -> Text:
    if claim.progress == P.SUBMITTED and claim.accepted_at:
        return _("Request accepted")
    if is_paid_while_waiting(claim):
        return FEE_IS_HERE
    return label(claim, claim.progress)


def label(claim: Claim, state: str) -> Text:
    """The customer's words for a state of this claim."""
    if claim.outcome == Outcome.WARRANTY:
        if state == P.PREPARING:
            return _("Repairing, under warranty")
        if state == P.SHIPPED and claim.replacement_id in {None, claim.drone_id}:
            return REPAIRED
    return P(state).label


def step(claim: Claim, before: str, after: str) -> Text:
    """The customer's words for a step: the second arrival is that of the missing parts."""
    if (before, after) == (P.PARTS_MISSING, P.RECEIVED):
        return PARTS_ARRIVED
    return label(claim, after)


def what_next(claim: Claim) -> Text:
    under_warranty = claim.outcome == Outcome.WARRANTY
    if claim.progress == P.SUBMITTED and claim.accepted_at:
        return ACCEPTED
    if claim.progress == P.PREPARING and under_warranty:
        return REPAIRING
    if is_paid_while_waiting(claim):
        return FEE_SETTLED
    if claim.progress == P.RECEIVED and claim.outcome == Outcome.NOT_COVERED:
        return ONLY_BACK
    if claim.progress == P.ASSESSED:
        settled = claim.outcome == Outcome.CARE and not fees.is_owed(claim)
        return FEE_SETTLED if settled else ASSESSED[claim.outcome]
    return NEXT[claim.progress]


def is_paid_while_waiting(claim: Claim) -> bool:
    """The step after the payment was taken back: the claim waits for us, not for the fee (K8)."""
    return claim.progress == P.AWAITING_FEE and not fees.is_owed(claim)
