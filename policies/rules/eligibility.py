"""May this drone be bound, this policy be claimed on? Facts in, a verdict out (B1-B5, B7, B11).

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

from policies.rules import clocks, terms
from policies.rules.terms import Stage
from policies.rules.text import Text
from policies.rules.verdict import Reason, Verdict


@dataclass(frozen=True)
class Statement:
    """What was said of a drone's activation before, and still counts (B11).

    A film that came in at `stated_at` says so much: activated then, at the latest.
    """

    activated_at: datetime
    stated_at: datetime
    by_film: bool = False


@dataclass(frozen=True)
class BindingFacts:
    """What the rules of binding look at. Instants are aware; `at` is when binding is asked for.

    `zone` is the clock on which the answer names instants. `activation_stated_by_customer` says
    that `activated_at` is no knowledge of the dealer's; `statement`, that it was said earlier.
    """

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
    statement: Statement | None = None
    had_policy: bool = False
    policy_running: bool = False
    retired: bool = False
    permit_deadline_at: datetime | None = None
    permit_by_film: bool = False


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


def _matching(facts: BindingFacts) -> Iterator[Reason]:
    if facts.plan_is_renewal:
        yield Reason(
            "B7", "plan_renews", _("This code renews a care plan; it cannot start a new one.")
        )
    yield from matching_model(facts.code_model, facts.drone_model)
    if facts.code_region != facts.customer_region:
        yield wrong_region(facts.code_region)


def matching_model(code_model: str, drone_model: str) -> Iterator[Reason]:
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


def wrong_region(code_region: str) -> Reason:
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
        yield _stated(facts, facts.activated_at)
    if facts.activated_at > facts.at:
        yield _in_future(facts, facts.activated_at)
    else:
        yield _window_or_permit(facts, facts.activated_at)


def _stated(facts: BindingFacts, activated_at: datetime) -> Reason:
    if facts.statement is None:
        words: Text = _("The activation time is as stated by the customer.")
        return Reason("B11", "activation_stated", words, objects=False)
    if facts.statement.by_film:
        words = _("A video shows the drone; it was activated on {activated} at the latest.")
    else:
        words = _("It was stated on {stated} that the drone was activated on {activated}.")
    text = format_lazy(
        words,
        stated=_on_the_clock(facts, facts.statement.stated_at),
        activated=_on_the_clock(facts, activated_at),
    )
    return Reason("B11", "stated_before", text, objects=False)


def _in_future(facts: BindingFacts, activated_at: datetime) -> Reason:
    if facts.activation_stated_by_customer:
        words = _(
            "You say that the drone was activated on {activated}. That has yet to come: it is "
            "{now} there now. Please check the day, the time and the clock."
        )
    else:
        words = _(
            "As far as we know, the drone is activated on {activated}, and that has yet to come. "
            "Please contact us."
        )
    return Reason(
        "B11",
        "activated_in_future",
        _("The activation time lies in the future."),
        to_customer=format_lazy(
            words,
            activated=_in_customers_words(facts, activated_at),
            now=date_format(facts.at.astimezone(facts.zone), "j F Y, H:i"),
        ),
    )


def _window_or_permit(facts: BindingFacts, activated_at: datetime) -> Reason:
    hours = facts.binding_window_hours
    within = terms.within_binding_window(activated_at, hours, at=facts.at)
    until = facts.permit_deadline_at
    # The permit of a film is used up by the binding that follows, needed or not.
    if until is not None and facts.at <= until and (facts.permit_by_film or not within):
        permit = _("A binding permit is open until {instant}.")
        return Reason("B3", "permit", _clock(permit, facts, until), objects=False)
    deadline = terms.binding_deadline(activated_at, hours)
    if within:
        words = _("Within the binding window, which is open until {instant}.")
        return Reason("B2", "within_window", _clock(words, facts, deadline), objects=False)
    return _passed(facts, activated_at, deadline)


def _passed(facts: BindingFacts, activated_at: datetime, deadline: datetime) -> Reason:
    closed: Text = _("The binding window closed on {instant}.")
    told: Text = _(
        "{known} A plan can start within {hours} hours of the activation; that was until {until}."
    )
    if not (facts.retired or facts.had_policy):  # where B4 objects, no video helps
        closed = _(
            "The binding window closed on {instant}. A video verification can open it again."
        )
        told = _(
            "{known} A plan can start within {hours} hours of the activation; that was until "
            "{until}. A video that shows the drone in good order can make it possible again."
        )
    return Reason(
        "B2",
        "window_passed",
        _clock(closed, facts, deadline),
        to_customer=format_lazy(
            told,
            known=_how_we_know(facts, activated_at),
            hours=facts.binding_window_hours,
            until=_in_customers_words(facts, deadline),
        ),
    )


def _how_we_know(facts: BindingFacts, activated_at: datetime) -> Text:
    """Whose word it is, repeated as it was understood (B11, P9)."""
    statement = facts.statement
    if statement is not None and statement.by_film:
        words: Text = _(
            "A video of this drone came in on {activated}, so it has been activated since then "
            "at the latest."
        )
    elif statement is not None:
        words = _(
            "We were told on {stated} that this drone was activated on {activated}, and that "
            "counts. If it is wrong, please contact us."
        )
    elif facts.activation_stated_by_customer:
        words = _("You say that the drone was activated on {activated}.")
    else:
        words = _("As far as we know, the drone was activated on {activated}.")
    return format_lazy(
        words,
        stated=_in_customers_words(facts, statement.stated_at) if statement else "",
        activated=_in_customers_words(facts, activated_at),
    )


def _clock(sentence: Text, facts: BindingFacts, instant: datetime) -> Text:
    return format_lazy(sentence, instant=_on_the_clock(facts, instant))


def _on_the_clock(facts: BindingFacts, instant: datetime) -> str:
    return date_format(instant.astimezone(facts.zone), "j F Y, H:i T")


def _in_customers_words(facts: BindingFacts, instant: datetime) -> Text:
    return clocks.instant_in_words(instant, facts.zone)
