"""May this drone be bound? The rules as plain functions of plain facts (B1-B5, B7, B11).

Pure: no database, no clock. Every rule gives its reason whether or not another objects,
so that one answer names everything that is in the way (B10).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from policies.rules import terms
from policies.rules.terms import Stage
from policies.rules.text import Text
from policies.rules.verdict import Reason, Verdict


@dataclass(frozen=True)
class BindingFacts:
    """What the rules of binding look at. Instants are aware; `at` is when binding is asked for."""

    at: datetime
    zone: ZoneInfo
    binding_window_hours: int
    code_model: str
    drone_model: str
    code_region: str
    customer_region: str | None
    plan_is_renewal: bool = False
    activated_at: datetime | None = None
    activation_stated_by_customer: bool = False
    had_policy: bool = False
    policy_running: bool = False
    refurbished: bool = False
    retired: bool = False
    permit_deadline_at: datetime | None = None


def may_bind(facts: BindingFacts) -> Verdict:
    """Yes or no, and every reason with its rule (B10)."""
    return Verdict.of(
        [
            *_matching(facts),
            *_earlier_policy(facts),
            *_activation(facts),
        ]
    )


def may_bind_some_plan(facts: BindingFacts) -> Verdict:
    """The same for a drone alone, before anybody has chosen a code."""
    return Verdict.of([*_earlier_policy(facts), *_activation(facts)])


def may_claim(
    starts_at: datetime, ends_at: datetime, cancelled: bool, replacements_left: int, at: datetime
) -> Verdict:
    """Is the drone covered at `at`, its policy in force (P3, E1)?"""
    stage = terms.stage(
        starts_at, ends_at, cancelled=cancelled, replacements_left=replacements_left, at=at
    )
    return Verdict.of(_in_force(stage, replacements_left))


def _in_force(stage: Stage, replacements_left: int) -> Iterator[Reason]:
    match stage:
        case Stage.CANCELLED:
            yield Reason("T3", "cancelled", _("This plan has been cancelled."))
        case Stage.NOT_STARTED:
            yield Reason("B9", "not_begun", _("This plan has not begun yet."))
        case Stage.ENDED:
            yield Reason("P3", "ended", _("This plan has ended."))
        case Stage.IN_FORCE:
            yield Reason("P3", "in_term", _("The plan is running."), objects=False)
        case Stage.USED_UP:
            pass  # it has ended, for the reason below (P3)
    # Whatever the stage, so that the answer names everything that stands against it (B10).
    if replacements_left < 1:
        yield Reason("P3", "none_left", _("All replacements of this plan have been used."))
    else:
        yield Reason("P3", "replacement_left", _("A replacement is left."), objects=False)


@dataclass(frozen=True)
class RenewalFacts:
    """What the rules of renewal look at. Instants are aware; `at` is when it is asked for."""

    at: datetime
    zone: ZoneInfo
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
    yield from _matching_model(facts.code_model, facts.drone_model)
    if facts.code_region != facts.policy_region:
        yield _wrong_region(facts.code_region)


def _matching(facts: BindingFacts) -> Iterator[Reason]:
    if facts.plan_is_renewal:
        yield Reason(
            "B7", "plan_renews", _("This code renews a care plan; it cannot start a new one.")
        )
    yield from _matching_model(facts.code_model, facts.drone_model)
    if facts.code_region != facts.customer_region:
        yield _wrong_region(facts.code_region)


def _matching_model(code_model: str, drone_model: str) -> Iterator[Reason]:
    if code_model != drone_model:
        yield Reason(
            "B7",
            "wrong_model",
            format_lazy(
                _("This code is for the {code_model}, and the drone is a {drone_model}."),
                code_model=code_model,
                drone_model=drone_model,
            ),
        )


def _wrong_region(code_region: str) -> Reason:
    return Reason(
        "B7",
        "wrong_region",
        format_lazy(_("This code is for customers in the region {region}."), region=code_region),
    )


def _earlier_policy(facts: BindingFacts) -> Iterator[Reason]:
    if facts.retired:
        yield Reason("B4", "retired", _("This drone was replaced and handed in."))
    elif facts.policy_running:
        yield Reason(
            "B4",
            "has_policy",
            _(
                "This drone is covered already. A new owner takes over the running plan; "
                "please contact us."
            ),
        )
    elif facts.had_policy:
        yield Reason(
            "B4", "had_policy", _("This drone has had a care plan before and cannot get another.")
        )
    else:
        yield Reason(
            "B5", "first_policy", _("This drone has never had a care plan."), objects=False
        )


def _activation(facts: BindingFacts) -> Iterator[Reason]:
    if facts.activated_at is None:
        yield Reason("B1", "not_activated", _("The drone is not activated yet."), objects=False)
        return
    if facts.activation_stated_by_customer:
        yield Reason(
            "B11",
            "activation_stated",
            _("The activation time is as stated by the customer."),
            objects=False,
        )
    if facts.activated_at > facts.at:
        yield Reason("B11", "activated_in_future", _("The activation time lies in the future."))
    else:
        yield _window_or_permit(facts, facts.activated_at)


def _window_or_permit(facts: BindingFacts, activated_at: datetime) -> Reason:
    deadline = terms.binding_deadline(activated_at, facts.binding_window_hours)
    if terms.within_binding_window(activated_at, facts.binding_window_hours, at=facts.at):
        within = _("Within the binding window, which is open until {instant}.")
        return Reason("B2", "within_window", _clock(within, facts, deadline), objects=False)
    permit_deadline = facts.permit_deadline_at
    if permit_deadline is not None and facts.at <= permit_deadline:
        permit = _("A binding permit is open until {instant}.")
        return Reason("B3", "permit", _clock(permit, facts, permit_deadline), objects=False)
    passed = _("The binding window closed on {instant}. A video verification can open it again.")
    return Reason("B2", "window_passed", _clock(passed, facts, deadline))


def _clock(sentence: Text, facts: BindingFacts, instant: datetime) -> Text:
    local = instant.astimezone(facts.zone)
    return format_lazy(sentence, instant=date_format(local, "j F Y, H:i T"))
