"""Drones: how one comes on file, and what the dealer knows of its activation (B11)."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from policies.models import ActivationSource, Drone, DroneModel, Hold, Policy
from policies.shared.errors import Conflict


def register(*, serial: str, drone_model: DroneModel, activated_at: datetime | None) -> Drone:
    """Puts a drone on file with what the dealer knows. Raises Conflict for a known serial."""
    source = ActivationSource.DEALER if activated_at else ActivationSource.UNKNOWN
    drone, created = Drone.objects.get_or_create(
        serial=serial,
        defaults={
            "drone_model": drone_model,
            "activated_at": activated_at,
            "activation_source": source,
        },
    )
    if not created:
        raise Conflict(_("A drone with this serial number is on file already."))
    return drone


def set_activation(drone: Drone, *, activated_at: datetime | None) -> None:
    """Records when the drone was activated, as the dealer knows it (B11); None for not yet."""
    with transaction.atomic():
        locked = Drone.objects.select_for_update(of=("self",)).get(pk=drone.pk)
        locked.activated_at = activated_at
        locked.activation_source = (
            ActivationSource.DEALER if activated_at else ActivationSource.UNKNOWN
        )
        locked.save(update_fields=["activated_at", "activation_source"])


def start_new_life(drone: Drone, *, now: datetime) -> None:
    """Sells a drone again as refurbished: its earlier policies no longer count (B6).

    It comes from the official store or an authorised dealer, with its activation reset.
    Raises Conflict while a policy still runs on it; one that is used up has ended (P3). Also
    while a claim is open: the drone may lie on the bench.
    """
    with transaction.atomic():
        # The policies first, as every verb locks: no use is given back meanwhile.
        policies = list(Policy.objects.select_for_update(of=("self",)).filter(drone=drone))
        locked = Drone.objects.select_for_update(of=("self",)).get(pk=drone.pk)
        if any(not policy.is_over(at=now) for policy in policies):
            raise Conflict(_("A policy still runs on this drone; it must end or move first."))
        if Hold.objects.filter(policy__in=policies).exists():
            raise Conflict(_("There is an open claim on this drone; it must end first."))
        locked.life += 1
        locked.retired_at = locked.activated_at = None
        locked.activation_source = ActivationSource.UNKNOWN
        locked.save(update_fields=["life", "retired_at", "activated_at", "activation_source"])
