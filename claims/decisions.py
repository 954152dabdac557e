"""Is a claim covered, and by what? Plain facts in, an outcome and every reason out (K2, K7).

Pure: no database, no clock. Run twice in a claim's life: on what the customer says, and
on what was found.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from policies.rules import clocks
from policies.rules.entitlement import Entitlement
from policies.rules.text import Text
from policies.rules.verdict import Reason

PRODUCT_DEFECT = "product_defect"
OTHER_ACCIDENT = "other_accident"

# A plan bound this shortly before the damage is remarked on.
SHORTLY_BEFORE = timedelta(days=7)

# Remarks that are the clerk's alone: they weigh, and turn nothing by themselves.
FOR_THE_CLERK = frozenset(
    ["damage_on_first_day", "bound_shortly_before", "damage_before_shipment", "activation_stated"]
)

# The parts in a sentence. What stands in the plural needs a sentence in the plural.
THE_PARTS = {
    "aircraft": _("the aircraft"),
    "gimbal": _("the gimbal"),
    "camera": _("the camera"),
    "battery": _("the battery"),
    "propellers": _("the propellers"),
    "remote_controller": _("the remote controller"),
}
PLURAL = {"propellers"}


@dataclass(frozen=True)
class ClaimFacts:
    """What is claimed. `happened_on` is a day on the customer's clock, `requested_at` aware."""

    cause: str
    parts: tuple[str, ...]
    happened_on: date
    requested_at: datetime


@dataclass(frozen=True)
class Ruling:
    """What the rules decide. `outcome` is one of care, warranty, not_covered, needs_review."""

    outcome: str
    reasons: tuple[Reason, ...]


NONE_LEFT = Ruling(
    "not_covered",
    (Reason("P3", "none_left", _("All replacements of the plan have been used.")),),
)


def decide(facts: ClaimFacts, cover: Entitlement) -> Ruling:
    """The outcome with every reason, also those that did not turn the scale.

    An exclusion goes before everything; a defect is the warranty's business and never the
    plan's; an accident is the plan's, if both its day and the request's fall in the term.
    What speaks against is final; what is merely doubtful asks for a person.
    """
    exclusions = list(_exclusions(facts, cover))
    if exclusions:
        return Ruling("not_covered", tuple(exclusions))
    if facts.cause == PRODUCT_DEFECT:
        return _defect(facts, cover)
    reasons = [*_term(facts, cover), *_allowance(cover), *_parts(facts, cover)]
    doubts = list(_doubts(facts))
    everything = (*reasons, *doubts, *_notes(facts, cover))
    if any(reason.objects for reason in reasons):
        return Ruling("not_covered", everything)
    return Ruling("needs_review" if doubts else "care", everything)


def for_the_customer(reasons: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reasons as they are kept, without the remarks that are the clerk's alone."""
    return [reason for reason in reasons if reason["code"] not in FOR_THE_CLERK]


def _exclusions(facts: ClaimFacts, cover: Entitlement) -> Iterator[Reason]:
    if facts.cause in cover.excluded_causes:
        yield Reason("P7", "excluded_cause", _("This cause of damage is excluded from the plan."))


def _defect(facts: ClaimFacts, cover: Entitlement) -> Ruling:
    until = cover.warranty_until or cover.warranty_at_least_until
    if until is not None and facts.requested_at < until:
        return _warranty(facts, cover)
    if cover.warranty_until is None:
        unknown = Reason(
            "P8", "warranty_unknown", _("We do not know when the manufacturer's warranty began.")
        )
        return Ruling("needs_review", (unknown,))
    over = Reason(
        "P8",
        "warranty_over",
        _("The manufacturer's warranty is over, and the plan covers accidents only."),
    )
    return Ruling("not_covered", (over,))


def _warranty(facts: ClaimFacts, cover: Entitlement) -> Ruling:
    """The warranty lasts; a defect of a day before it began is for a person to look at."""
    running = Reason(
        "P8",
        "warranty_runs",
        _("The manufacturer's warranty covers defects; it costs no replacement."),
        objects=False,
    )
    doubts = list(_too_early(facts, cover))
    return Ruling(
        "needs_review" if doubts else "warranty", (running, *doubts, *_notes(facts, cover))
    )


def _too_early(facts: ClaimFacts, cover: Entitlement) -> Iterator[Reason]:
    if cover.activated_at is not None:
        if _is_before(facts.happened_on, cover.activated_at, cover.zones):
            yield Reason(
                "P8",
                "defect_before_activation",
                _("The day of the defect lies before the drone was activated."),
            )
    elif cover.warranty_until is None and _is_before(
        facts.happened_on, cover.starts_at, cover.zones
    ):
        yield Reason(
            "P8",
            "defect_before_binding",
            _("The day of the defect lies before the plan began, and the activation is unknown."),
        )


def _is_before(day: date, instant: datetime, zones: Collection[ZoneInfo]) -> bool:
    """Whether the day is over on each of the clocks when the instant comes."""
    return day < clocks.days_at(instant, zones)[0]


def _term(facts: ClaimFacts, cover: Entitlement) -> Iterator[Reason]:
    first, last = _days_of_the_term(cover, cover.zones)
    if facts.happened_on < first:
        yield Reason("K2", "damage_before", _("The damage happened before the plan began."))
    elif facts.happened_on > last:
        yield Reason("K2", "damage_after", _("The damage happened after the plan had ended."))
    else:
        yield Reason("K2", "damage_in_term", _in_term(facts.happened_on, cover), objects=False)
    if facts.requested_at >= cover.ends_at:
        yield Reason("K2", "request_after", _("The plan had ended when the repair was requested."))
    else:
        yield Reason(
            "K2", "request_in_term", _("The repair was requested within the term."), objects=False
        )
    if cover.cancelled_at is not None and cover.cancelled_at <= facts.requested_at:
        yield Reason("T3", "cancelled", _("The plan has been cancelled."))


def _days_of_the_term(cover: Entitlement, zones: Collection[ZoneInfo]) -> tuple[date, date]:
    """The first and the last day that has an instant of the term on any of these clocks (P9)."""
    last_instant = cover.ends_at - datetime.resolution  # the end itself is outside (E1)
    return clocks.days_at(cover.starts_at, zones)[0], clocks.days_at(last_instant, zones)[1]


def _in_term(day: date, cover: Entitlement) -> Text:
    first, last = _days_of_the_term(cover, cover.zones[:1])
    if first <= day <= last:
        return _("The damage happened within the term.")
    # Else the sentence would contradict the dates that stand beside it.
    return _("The damage happened within the term, by the clock of another place in the region.")


def _allowance(cover: Entitlement) -> Iterator[Reason]:
    if cover.replacements_left > 0:
        yield Reason(
            "P3", "replacement_left", _("A replacement is left in the allowance."), objects=False
        )
    else:
        yield from NONE_LEFT.reasons


def _parts(facts: ClaimFacts, cover: Entitlement) -> Iterator[Reason]:
    others = [part for part in facts.parts if part not in cover.parts]
    if len(others) == len(facts.parts):
        yield Reason("P6", "no_part_covered", _("None of the damaged parts is covered."))
    elif others:
        yield Reason("P6", "some_parts_not_covered", _not_covered(others), objects=False)
    else:
        yield Reason("P6", "parts_covered", _("The damaged parts are covered."), objects=False)


def _not_covered(parts: list[str]) -> Text:
    names = capfirst(get_text_list([str(THE_PARTS[part]) for part in parts], gettext("and")))
    if len(parts) > 1 or parts[0] in PLURAL:
        return _("%(parts)s are not covered; they are not replaced.") % {"parts": names}
    return _("%(parts)s is not covered; it is not replaced.") % {"parts": names}


def _doubts(facts: ClaimFacts) -> Iterator[Reason]:
    """What speaks neither for nor against, but wants a person's eye."""
    if facts.cause == OTHER_ACCIDENT:
        yield Reason("K2", "cause_unclear", _("The cause needs a closer look."))


def _notes(facts: ClaimFacts, cover: Entitlement) -> Iterator[Reason]:
    """What the clerk is told, and weighs: it turns nothing by itself."""
    first, last = clocks.days_at(cover.starts_at, cover.zones)
    if first <= facts.happened_on <= last:
        yield Reason(
            "K2",
            "damage_on_first_day",
            _("The damage happened on the day the plan began."),
            objects=False,
        )
    bound_first, bound_last = clocks.days_at(cover.bound_at, cover.zones)
    if bound_first <= facts.happened_on <= bound_last + SHORTLY_BEFORE:
        yield Reason(
            "K2",
            "bound_shortly_before",
            _("The plan was bound to the drone within %(days)d days before the damage.")
            % {"days": SHORTLY_BEFORE.days},
            objects=False,
        )
    came_at = cover.came_as_replacement_at
    if came_at is not None and facts.happened_on < clocks.days_at(came_at, cover.zones)[0]:
        yield Reason(
            "K2",
            "damage_before_shipment",
            _(
                "The covered drone came as a replacement: it was shipped on %(day)s, "
                "after the day of the damage."
            )
            % {"day": date_format(came_at.astimezone(cover.zones[0]), "j F Y")},
            objects=False,
        )
    if cover.activation_stated_by_customer:
        yield Reason(
            "B11",
            "activation_stated",
            _("The activation time of the drone is as stated by the customer."),
            objects=False,
        )
