"""Binding: the act that ties a policy to a drone (B1-B5, B7, B8, B10, B11)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from policies import codes, customers, issuing, letters, renewal, verification
from policies.models import (
    ActivationCode,
    ActivationSource,
    BindingPermit,
    CodeEvent,
    Drone,
    DroneModel,
    Policy,
    PolicyEvent,
    Region,
)
from policies.rules import eligibility
from policies.rules.verdict import Verdict
from policies.shared.actor import Actor
from policies.shared.errors import Conflict, Refused

# How long a form that is sent again leads to the policy that it made (C5).
SENT_TWICE_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Application:
    """An application to bind: this drone, for this person.

    `serial` is normalised. `drone_model` is needed only where the serial is unknown;
    `activated_at` (aware) is what the customer states, None for "not activated yet".
    """

    serial: str
    name: str
    email: str
    country: str
    phone: str = ""
    drone_model: DroneModel | None = None
    activated_at: datetime | None = None


class ModelNeeded(Conflict):
    """The serial is unknown, so the applicant must name the model."""


def bind_by_code(text: str, application: Application, *, actor: Actor, now: datetime) -> Policy:
    """Redeems the code that somebody typed and starts the policy at once (B8, C5).

    Two people with one code: one policy, one CodeRefused. Raises Mistyped, CodeRefused,
    ModelNeeded, or Refused with every reason.
    """
    with transaction.atomic():
        # The code first: who does not hold a good one learns nothing about the drone (C5).
        code = codes.find_redeemable(text)
        return _redeem(code, application, actor=actor, now=now)


def bind_at_desk(
    code: ActivationCode, application: Application, *, actor: Actor, now: datetime
) -> Policy:
    """The same for a code that staff picked. Raises Conflict, ModelNeeded, Refused."""
    with transaction.atomic():
        locked = (
            ActivationCode.objects.filter(pk=code.pk, state=ActivationCode.State.SOLD)
            .select_for_update(of=("self",))
            .select_related("batch__plan", "batch__region", "batch__drone_model")
            .first()
        )
        # Asked under the lock: the transaction that held it before ours may have redeemed the
        # code, and that changes nothing in the code's own row.
        if locked is None or codes.is_redeemed(locked):
            raise Conflict(_("Only a code that is sold and not yet redeemed can be bound."))
        return _redeem(locked, application, actor=actor, now=now)


def _redeem(
    code: ActivationCode, application: Application, *, actor: Actor, now: datetime
) -> Policy:
    """A code of a renewal renews, any other binds: the customer enters both on one page."""
    if code.batch.plan.is_renewal:
        return renewal.renew(
            code, serial=application.serial, email=application.email, actor=actor, now=now
        )
    return _bind(code, application, actor=actor, now=now)


def _bind(code: ActivationCode, application: Application, *, actor: Actor, now: datetime) -> Policy:
    drone = _lock_drone(application)
    permit = _open_permit(drone, now=now)
    facts = _facts(code, drone, permit, application.country, now=now)
    verdict = eligibility.may_bind(facts)
    if not verdict.allowed:
        raise Refused(verdict)  # and the transaction forgets a drone that was new
    policy = _start(code, drone, application, actor=actor, now=now, verdict=verdict)
    if permit and verdict.names("permit"):
        verification.use(permit, policy)
    letters.policy_bound(policy, now=now)
    return policy


def _lock_drone(application: Application) -> Drone:
    """The drone, its row locked, on file from now on. Raises ModelNeeded."""
    drones = Drone.objects.filter(serial=application.serial)
    if application.drone_model is not None:
        # Two people may name one new serial at the same moment: the second finds the first's.
        Drone.objects.get_or_create(
            serial=application.serial, defaults={"drone_model": application.drone_model}
        )
    drone = drones.select_for_update(of=("self",)).select_related("drone_model__series").first()
    if drone is None:
        raise ModelNeeded(_("We do not know this serial number yet. Please choose the model."))
    if drone.activated_at is None and application.activated_at is not None:
        # The dealer does not know, so the customer's word counts, and is marked as such (B11).
        drone.activated_at = application.activated_at
        drone.activation_source = ActivationSource.CUSTOMER
        drone.save(update_fields=["activated_at", "activation_source"])
    return drone


def _open_permit(drone: Drone, *, now: datetime) -> BindingPermit | None:
    permits = BindingPermit.objects.filter(drone=drone).open(at=now)
    return permits.order_by("-deadline_at").select_for_update(of=("self",)).first()


def _facts(
    code: ActivationCode,
    drone: Drone,
    permit: BindingPermit | None,
    country: str,
    *,
    now: datetime,
) -> eligibility.BindingFacts:
    region = Region.objects.for_country(country).first()
    return eligibility.BindingFacts(
        at=now,
        zone=code.batch.region.zone,
        binding_window_hours=code.sold_terms().binding_window_hours,
        code_model=code.batch.drone_model.name,
        drone_model=drone.drone_model.name,
        code_region=code.batch.region.name,
        customer_region=region.name if region else None,
        plan_is_renewal=code.batch.plan.is_renewal,
        **_history(drone, permit, at=now),
    )


def verdict_on_drone(drone: Drone, region: Region, *, at: datetime) -> Verdict:
    """May some plan of `region` be bound to this drone at `at`? Every reason (B10)."""
    permit = BindingPermit.objects.filter(drone=drone).open(at=at).order_by("-deadline_at").first()
    return eligibility.may_bind_some_plan(
        eligibility.BindingFacts(
            at=at,
            zone=region.zone,
            binding_window_hours=region.binding_window_hours,
            code_model=drone.drone_model.name,
            drone_model=drone.drone_model.name,
            code_region=region.name,
            customer_region=region.name,
            **_history(drone, permit, at=at),
        )
    )


def _history(drone: Drone, permit: BindingPermit | None, *, at: datetime) -> dict[str, Any]:
    """What the rules ask of the drone itself."""
    policies = Policy.objects.counting().filter(drone=drone, drone_life=drone.life)
    earlier = list(policies.prefetch_related("periods", "uses"))
    return {
        "activated_at": drone.activated_at,
        "activation_stated_by_customer": drone.activation_source == ActivationSource.CUSTOMER,
        "had_policy": bool(earlier),
        "policy_running": any(not policy.is_over(at=at) for policy in earlier),
        "refurbished": drone.life > 1,
        "retired": drone.retired_at is not None,
        "permit_deadline_at": permit.deadline_at if permit else None,
    }


def _start(
    code: ActivationCode,
    drone: Drone,
    application: Application,
    *,
    actor: Actor,
    now: datetime,
    verdict: Verdict,
) -> Policy:
    holder = customers.known(
        name=application.name,
        email=application.email,
        country=application.country,
        phone=application.phone,
        now=now,
    )
    policy, period = issuing.new_policy(
        plan_id=code.batch.plan_id,
        region=code.batch.region,
        drone=drone,
        holder_id=holder.pk,
        sold=code.sold_terms(),
        starts_at=now,
        status=Policy.Status.ACTIVE,
        now=now,
        code=code,
    )
    policy.save()
    period.save()
    policy.plan, policy.holder = code.batch.plan, holder  # so that the letter fetches neither
    PolicyEvent.objects.create(
        policy=policy,
        kind=PolicyEvent.Kind.BOUND,
        at=now,
        data={"serial": drone.serial, "rules": sorted({r.rule for r in verdict.reasons})},
        **actor.signature(),
    )
    codes.record(code, CodeEvent.Kind.REDEEMED, actor=actor, now=now, note=policy.number)
    return policy


def policy_bound_by(text: str, *, serial: str, email: str, now: datetime) -> Policy | None:
    """The policy that this very code, serial and e-mail have just made: the form was sent twice.

    Only for minutes, and only while the holder is who redeemed the code: whoever has held it
    or passed it on knows code and serial, and must not reach the page of a later owner (C5, T2).
    """
    code = codes.find(text)
    redeemed = code and codes.redemption(code)
    if redeemed is None or now - redeemed.at > SENT_TWICE_WITHIN:
        return None
    theirs = Policy.objects.filter(
        periods__code=code, drone__serial=serial, holder__email=email.strip().lower()
    ).first()
    if theirs is None or _changed_hands(theirs, since=redeemed.at):
        return None
    return theirs


def _changed_hands(policy: Policy, *, since: datetime) -> bool:
    transfers = policy.events.filter(kind=PolicyEvent.Kind.TRANSFERRED, at__gte=since)
    return transfers.exists()
