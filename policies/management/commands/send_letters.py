from django.utils import timezone

from policies import outbox
from policies.management.worker import WorkerCommand


class Command(WorkerCommand):
    help = "Sends the letters that are due and ends; with --forever, goes on until told to stop."
    goods, done = "letters", "sent"

    def work(self) -> tuple[int, int]:
        return outbox.send_due(clock=timezone.now, stop=self.stop.is_set)
