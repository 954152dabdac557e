"""Binding: the act that ties a policy to a drone (B1-B5, B7, B8, B10, B11)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from policies import (
    codes,
    cover,
    customers,
    drones,
    issuing,
    letters,
    renewal,
    statements,
    verification,
)
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
from policies.shared import once
from policies.shared.actor import Actor
from policies.shared.errors import Conflict, Refused


@dataclass(frozen=True)
class Application:
    """An application to bind: this drone, for this person.

    `serial` is normalised; `serial_confirmed` repeats one that looks wrong and is meant (B12).
    `drone_model` is needed only where the serial is unknown; `activated_at` (aware) is what
    the customer states, None for "not activated yet", and `zone` the clock on which it was
    stated (without one, that of the code's region). A form that does not say either clears
    `answers_activation`; a renewal does not need the answer.
    """

    serial: str
    name: str
    email: str
    country: str
    phone: str = ""
    serial_confirmed: str = ""
    drone_model: DroneModel | None = None
    activated_at: datetime | None = None
    zone: ZoneInfo | None = None
    answers_activation: bool = True


class ModelNeeded(Conflict):
    """The serial is unknown, so the applicant must name the model.

    `sold_for` is the slug of the code's own, which is not offered any more once withdrawn (P10).
    """

    def __init__(self, *, sold_for: str) -> None:
        super().__init__(_("We do not know this serial number yet. Please choose the model."))
        self.sold_for = sold_for


class ActivationNeeded(Conflict):
    """The applicant must say whether the drone has been activated, and when (B11)."""


def bind_by_code(text: str, application: Application, *, actor: Actor, now: datetime) -> Policy:
    """Redeems the code that somebody typed and starts the policy at once (B8, C5).

    Two people with one code: one policy, one CodeRefused. Raises Mistyped, CodeRefused,
    ActivationNeeded, ModelNeeded, SerialDoubted, or Refused with every reason, keeping what was
    stated (B11).
    """
    code: ActivationCode | None = None
    try:
        with transaction.atomic():
            # The code first: who does not hold a good one learns nothing about the drone (C5).
            code = codes.find_redeemable(text)
            return _redeem(code, application, actor=actor, now=now)
    except (Refused, ModelNeeded):
        if code is not None:
            keep_statement(code, application, actor=actor, now=now)
        raise


def bind_at_desk(
    code: ActivationCode, application: Application, *, actor: Actor, now: datetime
) -> Policy:
    """The same for a code that staff picked. Raises Conflict, ModelNeeded, SerialDoubted, Refused.

    Whoever rolls a refusal back calls `keep_statement` afterwards.
    """
    try:
        with transaction.atomic():
            locked = _lock_at_desk(code)
            return _redeem(locked, application, actor=actor, now=now)
    except (Refused, ModelNeeded):
        keep_statement(code, application, actor=actor, now=now)
        raise


def _lock_at_desk(code: ActivationCode) -> ActivationCode:
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
    return locked


def keep_statement(
    code: ActivationCode, application: Application, *, actor: Actor, now: datetime
) -> None:
    """Keeps what a refused application stated: it counts until staff correct it (B11)."""
    if application.activated_at is None:
        return
    statements.keep(
        code,
        serial=application.serial,
        activated_at=application.activated_at,
        zone=application.zone or code.batch.region.zone,
        email=application.email,
        actor=actor,
        now=now,
    )


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
    if not application.answers_activation:
        raise ActivationNeeded(_("Please say whether the drone has been activated."))
    drone = _lock_drone(code, application)
    permit = open_permit(drone, now=now, lock=True)
    facts = _facts(code, drone, permit, application, now=now)
    verdict = eligibility.may_bind(facts)
    if not verdict.allowed:
        raise Refused(verdict)  # and the transaction forgets a drone that was new
    _keep_activation(drone, facts)
    policy = _start(code, drone, application, actor=actor, now=now, verdict=verdict)
    if permit and verdict.names("permit"):
        verification.use(permit, policy)
    letters.policy_bound(policy, now=now)
    return policy


def _lock_drone(code: ActivationCode, application: Application) -> Drone:
    """The drone, its row locked, on file from now on. Raises ModelNeeded, SerialDoubted."""
    serial, drone_model = application.serial, application.drone_model
    if drone_model is not None:
        drones.look_at(serial, drone_model, confirmed=application.serial_confirmed)
        # Two people may name one new serial at the same moment: the second finds the first's.
        Drone.objects.get_or_create(serial=serial, defaults={"drone_model": drone_model})
    with_it = Drone.objects.filter(serial=serial)
    drone = with_it.select_for_update(of=("self",)).select_related("drone_model__series").first()
    if drone is None:
        raise ModelNeeded(sold_for=code.batch.drone_model.slug)
    return drone


def _keep_activation(drone: Drone, facts: eligibility.BindingFacts) -> None:
    """Writes down what was stated, marked as such; what the dealer knows stays (B11)."""
    if facts.activation_stated_by_customer and facts.activated_at != drone.activated_at:
        drone.activated_at = facts.activated_at
        drone.activation_source = ActivationSource.CUSTOMER
        drone.save(update_fields=["activated_at", "activation_source"])


def open_permit(drone: Drone, *, now: datetime, lock: bool = False) -> BindingPermit | None:
    """The permit that is open at `now` for a drone, which need not be on file (B3)."""
    permits = BindingPermit.objects.filter(drone__serial=drone.serial).open(at=now)
    if lock:
        permits = permits.select_for_update(of=("self",))
    return permits.select_related("verification").order_by("-deadline_at").first()


def _facts(
    code: ActivationCode,
    drone: Drone,
    permit: BindingPermit | None,
    application: Application,
    *,
    now: datetime,
) -> eligibility.BindingFacts:
    region = Region.objects.for_country(application.country).first()
    return eligibility.BindingFacts(
        at=now,
        zone=application.zone or code.batch.region.zone,
        binding_window_hours=code.sold_terms().binding_window_hours,
        code_model=code.batch.drone_model.name,
        drone_model=drone.drone_model.name,
        code_region=code.batch.region.name,
        customer_region=region.name if region else None,
        plan_is_renewal=code.batch.plan.is_renewal,
        **statements.activation(drone, stated=application.activated_at, email=application.email),
        **history(drone, permit, at=now),
    )


def verdict_on_drone(drone: Drone, region: Region, *, at: datetime, email: str = "") -> Verdict:
    """May some plan of `region` be bound to this drone at `at`? Every reason (B10).

    The drone need not be on file. `email` is who asks for it: their own films count (B11).
    """
    return eligibility.may_bind_some_plan(
        eligibility.BindingFacts(
            at=at,
            zone=region.zone,
            binding_window_hours=region.binding_window_hours,
            code_model=drone.drone_model.name,
            drone_model=drone.drone_model.name,
            code_region=region.name,
            customer_region=region.name,
            **statements.activation(drone, email=email),
            **history(drone, open_permit(drone, now=at), at=at),
        )
    )


def history(drone: Drone, permit: BindingPermit | None, *, at: datetime) -> dict[str, Any]:
    """What the rules ask of the drone's policies and permits."""
    policies = Policy.objects.counting().filter(drone__serial=drone.serial, drone_life=drone.life)
    earlier = list(policies.prefetch_related("periods", "uses"))
    return {
        "had_policy": bool(earlier),
        "policy_running": any(not policy.is_over(at=at) for policy in earlier),
        "retired": drone.retired_at is not None,
        "permit_deadline_at": permit.deadline_at if permit else None,
        "permit_by_film": hasattr(permit, "verification"),
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
    redeemed = codes.redemption(code) if code else None
    if redeemed is None or now - redeemed.at > once.SHOWN_AGAIN_WITHIN:
        return None
    theirs = Policy.objects.filter(
        periods__code=code, drone__serial=serial, holder__email=email.strip().lower()
    ).first()
    if theirs is None or cover.has_changed_hands(theirs, since=redeemed.at):
        return None
    return theirs
