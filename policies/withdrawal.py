"""Withdrawn plans, models, series and regions: nothing new, and what exists goes on (P10)."""

from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from policies.models import ActivationCode, DroneModel, Plan, Region
from policies.rules.text import Text
from policies.shared.errors import Conflict


class Objection(NamedTuple):
    """`about` is what is withdrawn: plan, drone_model or region."""

    message: Text
    about: str


def objection(
    *,
    plan: Plan | None = None,
    drone_model: DroneModel | None = None,
    region: Region | None = None,
) -> Objection | None:
    """Why nothing new may come of these. None when it may."""
    if plan is not None and not plan.is_on_offer:
        message = _("The plan %(name)s is withdrawn: it is not sold any more.")
        return Objection(message % {"name": plan}, "plan")
    if drone_model is not None and not drone_model.is_on_offer:
        if drone_model.is_withdrawn:
            message = _("The model %(name)s is withdrawn: nothing new is taken in for it.")
        else:
            message = _("The series of the model %(name)s is withdrawn, and the model with it.")
        return Objection(message % {"name": drone_model}, "drone_model")
    if region is not None and not region.is_on_offer:
        message = _("The region %(name)s is withdrawn: nothing new is sold there.")
        return Objection(message % {"name": region}, "region")
    return None


def refuse_to_issue(plan: Plan, drone_model: DroneModel, region: Region) -> None:
    """Raises Conflict where no new codes may come into stock."""
    _refuse(objection(plan=plan, drone_model=drone_model, region=region))


def refuse_to_sell(plan: Plan, drone_model: DroneModel, region: Region) -> None:
    """Raises Conflict where codes in stock are not sold any more.

    A renewal is for a policy that exists, which goes on: there only the plan itself counts.
    """
    if plan.is_renewal:
        _refuse(objection(plan=plan))
    else:
        refuse_to_issue(plan, drone_model, region)


def _refuse(found: Objection | None) -> None:
    if found:
        raise Conflict(found.message)


def may_be_bound(goods: DroneModel | Region) -> bool:
    """Whether a drone of the model, or in the region, may still come to be bound.

    It may, too, while codes are out that were sold for it: they are redeemed like any other,
    and need a film after the binding window like any other (B3).
    """
    if goods.is_on_offer:
        return True
    out = ActivationCode.objects.redeemable()
    if isinstance(goods, Region):
        return out.filter(batch__region=goods).exists()
    return out.filter(batch__drone_model=goods).exists()
