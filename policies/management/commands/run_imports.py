from django.utils import timezone

from policies.imports import uploads
from policies.management.worker import WorkerCommand


class Command(WorkerCommand):
    help = (
        "Checks and imports the large files that staff uploaded, and ends; with --forever, goes "
        "on until told to stop. Small files need no worker."
    )
    goods, done = "files", "steps done"

    def work(self) -> tuple[int, int]:
        return uploads.work(clock=timezone.now, stop=self.stop.is_set)
