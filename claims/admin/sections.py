"""What the claims desk adds to the pages of drones and customers."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from claims.models import CLOSED, Claim, ClaimEvent, Progress
from policies.backoffice import sections
from policies.backoffice.cells import link, page_of_list
from policies.backoffice.sections import ROWS, Section
from policies.backoffice.times import when
from policies.models import Customer, Drone, Policy
from policies.reporting import lifeline
from policies.reporting.lifeline import Moment

# The steps of a claim that a drone's life has room for.
TOLD = [Progress.SUBMITTED, Progress.SHIPPED, *CLOSED]


@lifeline.source
def claims_of(drone: Drone) -> Iterator[Moment]:
    on_drone = Claim.objects.filter(Q(drone=drone) | Q(replacement=drone))
    claims = list(on_drone.select_related("drone", "replacement", "policy"))
    yield from _steps(drone, claims)
    moved_on = [claim.policy for claim in claims if claim.policy.drone_id != drone.pk]
    yield from lifeline.of_policies(moved_on)


def _steps(drone: Drone, claims: Iterable[Claim]) -> Iterator[Moment]:
    events = ClaimEvent.objects.filter(claim__in=claims, kind="moved", after__in=TOLD)
    by_key = {claim.pk: claim for claim in claims}
    for event in events:
        claim = by_key[event.claim_id]
        what = _("Claim: %(step)s") % {"step": event.get_after_display()}
        yield Moment(event.at, what, claim, event.actor, _swap(drone, claim, event))


def _swap(drone: Drone, claim: Claim, event: ClaimEvent) -> str:
    """Which drone took whose place, at the step at which it did."""
    if event.after != Progress.SHIPPED or claim.replacement in {None, claim.drone}:
        return ""
    if claim.replacement == drone:
        return _("Replaces %(serial)s") % {"serial": claim.drone.serial}
    return _("Replaced by %(serial)s") % {"serial": claim.replacement}


@sections.on(Drone)
def claims_on_drone(drone: Drone) -> Section:
    return _table(Claim.objects.filter(Q(drone=drone) | Q(replacement=drone)), drone.serial)


@sections.on(Customer)
def claims_of_customer(customer: Customer) -> Section:
    # Keys, not a subquery: only so do both halves go through an index.
    policies = list(customer.policies.values_list("pk", flat=True)[:ROWS])
    mine = Q(email=customer.email) | Q(policy__in=policies)
    return _table(Claim.objects.filter(mine), customer.email)


@sections.on(Policy)
def claims_on_policy(policy: Policy) -> Section:
    return _table(Claim.objects.filter(policy=policy), policy.number)


def _table(claims: QuerySet[Claim], term: str) -> Section:
    rows = list(claims.select_related("drone", "replacement").order_by("-id")[:ROWS])
    return Section(
        _("claims"),
        [_("Claim"), _("Progress"), _("Decision"), _("Drone"), _("Sent out"), _("Submitted")],
        [_row(claim) for claim in rows],
        permission="claims.view_claim",
        more=page_of_list(Claim, term) if len(rows) == ROWS else "",
    )


def _row(claim: Claim) -> list[Any]:
    return [
        link(claim),
        claim.get_progress_display(),
        claim.get_outcome_display(),
        link(claim.drone),
        link(claim.replacement),
        when(claim.submitted_at),
    ]
