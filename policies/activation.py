"""The beginning of plans that were bought with their drone (B9)."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from policies import letters
from policies.models import Policy, PolicyEvent
from policies.shared.actor import Actor

CLOCK = Actor.command("activate_policies")


def due(*, now: datetime) -> int:
    """How many policies have begun and are not marked yet."""
    return _due(now).count()


def activate(*, now: datetime, chunk: int) -> int:
    """Marks one chunk of policies that have begun, with their events and letters; 0: none left.

    They are in force since their first instant, marked or not (E1). The letters carry the
    whole agreement, so they are made here and not in SQL: bundles come by the hundred.
    """
    with transaction.atomic():
        locked = _due(now).select_for_update(skip_locked=True, of=("self",))
        pks = list(locked.order_by("starts_at", "id").values_list("pk", flat=True)[:chunk])
        policies = list(
            Policy.objects.filter(pk__in=pks)
            .select_related("plan", "region", "holder", "drone__drone_model__series")
            .prefetch_related("periods__cover_terms")
        )
        Policy.objects.filter(pk__in=pks).update(status=Policy.Status.ACTIVE)
        PolicyEvent.objects.bulk_create(
            PolicyEvent(policy=policy, kind=PolicyEvent.Kind.ACTIVATED, at=now, **CLOCK.signature())
            for policy in policies
        )
        for policy in policies:
            letters.policy_activated(policy, now=now)
    return len(pks)


def _due(now: datetime) -> QuerySet[Policy]:
    return Policy.objects.filter(status=Policy.Status.SCHEDULED, starts_at__lte=now)
