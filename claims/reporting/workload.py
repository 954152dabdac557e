"""The queues of the claims desk, for the dashboard."""

from claims.models import Claim
from claims.reporting import queues as claims_queues
from policies.reporting.workload import Queue

DECIDE, MONEY, WORK = "claims.decide_claim", "claims.record_payment", "claims.handle_claim"
PERMISSION = {"decide": DECIDE, "assessed": DECIDE, "fee": MONEY, "refund": MONEY}


def queues() -> list[Queue]:
    return [_on_the_dashboard(queue) for queue in claims_queues.QUEUES]


def _on_the_dashboard(queue: claims_queues.Queue) -> Queue:
    # A claim with two failed parcels is one piece of work.
    keys = Claim.objects.filter(queue.condition).values("pk")
    return Queue(
        queue.label,
        Claim.objects.filter(pk__in=keys),
        since="progress_at",
        page="admin:claims_claim_changelist",
        query=f"queue={queue.slug}",
        permission=PERMISSION.get(queue.slug, WORK),
        trouble=queue.slug == "label",
    )
