"""May this policy be renewed? Plain facts in, a verdict with every reason out (R1, P1, B7).

Pure: no database, no clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from policies.rules import eligibility, terms
from policies.rules.terms import Stage
from policies.rules.verdict import Reason, Verdict


@dataclass(frozen=True)
class RenewalFacts:
    """What the rules of renewal look at. Instants are aware; `at` is when it is asked for."""

    at: datetime
    starts_at: datetime
    ends_at: datetime
    cancelled: bool
    replacements_left: int
    renewed_before: bool
    plan: str
    plan_renewed_by_code: str | None
    code_model: str
    drone_model: str
    code_region: str
    policy_region: str


def may_renew(facts: RenewalFacts) -> Verdict:
    """R1's two conditions to the instant, once per policy, and a code that matches (P1, B7)."""
    return Verdict.of([*_renewable(facts), *_renewing_code(facts)])


def _renewable(facts: RenewalFacts) -> Iterator[Reason]:
    stage = terms.stage(
        facts.starts_at,
        facts.ends_at,
        cancelled=facts.cancelled,
        replacements_left=facts.replacements_left,
        at=facts.at,
    )
    match stage:
        case Stage.CANCELLED:
            yield Reason("R1", "cancelled", _("This plan has been cancelled."))
        case Stage.NOT_STARTED:
            yield Reason("R1", "not_begun", _("This plan has not begun yet."))
        case Stage.ENDED:
            over = _("A plan is renewed before it ends; this one is over.")
            yield Reason("R1", "not_in_term", over)
        case Stage.IN_FORCE:
            yield Reason("R1", "in_term", _("The plan is still running."), objects=False)
        case Stage.USED_UP:
            pass  # it has ended, for the reason below (P3)
    if facts.replacements_left < 1:
        yield Reason(
            "R1", "none_left", _("A plan whose replacements are all used cannot be renewed.")
        )
    if facts.renewed_before:
        yield Reason("R1", "renewed_before", _("A plan is renewed once, and this one has been."))


def _renewing_code(facts: RenewalFacts) -> Iterator[Reason]:
    if facts.plan_renewed_by_code is None:
        yield Reason(
            "P1", "wrong_plan", format_lazy(_("Nothing renews a {plan} plan."), plan=facts.plan)
        )
    elif facts.plan_renewed_by_code != facts.plan:
        yield Reason(
            "P1",
            "wrong_plan",
            format_lazy(_("This code does not renew a {plan} plan."), plan=facts.plan),
        )
    yield from eligibility.matching_model(facts.code_model, facts.drone_model)
    if facts.code_region != facts.policy_region:
        yield eligibility.wrong_region(facts.code_region)
