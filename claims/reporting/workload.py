"""The piles of the claims desk, for the dashboard."""

from claims.models import Claim
from claims.reporting.queues import QUEUES, Queue
from policies.reporting.workload import Pile

DECIDE, MONEY, WORK = "claims.decide_claim", "claims.record_payment", "claims.handle_claim"
PERMISSION = {"decide": DECIDE, "assessed": DECIDE, "fee": MONEY, "refund": MONEY}


def piles() -> list[Pile]:
    return [_pile(queue) for queue in QUEUES]


def _pile(queue: Queue) -> Pile:
    # A claim with two failed parcels is one piece of work.
    keys = Claim.objects.filter(queue.condition).values("pk")
    return Pile(
        queue.label,
        Claim.objects.filter(pk__in=keys),
        since="progress_at",
        page="admin:claims_claim_changelist",
        query=f"queue={queue.slug}",
        permission=PERMISSION.get(queue.slug, WORK),
        trouble=queue.slug == "label",
    )
