from django.utils import timezone

from claims import carriers
from claims.parcels import labels
from policies.management.worker import WorkerCommand


class Command(WorkerCommand):
    help = (
        "Buys the labels that are ordered, takes back those that are not used, and ends; "
        "with --forever, goes on until told to stop."
    )
    goods, done = "orders", "done"

    def work(self) -> tuple[int, int]:
        return labels.work(carriers.carrier(), clock=timezone.now, stop=self.stop.is_set)
