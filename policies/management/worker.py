import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections

PAUSE_SECONDS = 2


class WorkerCommand(BaseCommand):
    """Works off what is due and ends; with --forever, goes on until told to stop.

    Safe beside others of its kind, and safe to be killed: that is the outbox's business.
    """

    goods = ""  # what it waits for, as in "letters"
    done = ""  # what became of them, as in "sent"

    def work(self) -> tuple[int, int]:
        """One round, ended early by `self.stop`: how many went well, how many went wrong."""
        raise NotImplementedError

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--forever", action="store_true", help=f"keep looking for {self.goods}")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stop = threading.Event()
        if not options["forever"]:
            self._say(*self.work())
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        self.stdout.write(f"{self._name}: waiting for {self.goods}; stop with Ctrl-C.")
        while not self.stop.is_set():
            self._round()
            self.stop.wait(PAUSE_SECONDS)

    def _round(self) -> None:
        close_old_connections()
        try:
            well, wrong = self.work()
        except OperationalError as error:
            # The database is being restarted: the rows wait there, and so do we.
            self.stderr.write(f"{self._name}: {error}")
            return
        if well or wrong:
            self._say(well, wrong)

    def _say(self, well: int, wrong: int) -> None:
        self.stdout.write(f"{self._name}: {well} {self.done}, {wrong} went wrong.")

    @property
    def _name(self) -> str:
        return type(self).__module__.rpartition(".")[2]
