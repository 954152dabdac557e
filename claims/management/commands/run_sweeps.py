from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from policies.management.sweep import (
    FORCE_HELP,
    INSTANT_HELP,
    at_least_one,
    instant,
    refuse_the_future,
)
from policies.models.clock import SWEEPS


class Command(BaseCommand):
    help = "Runs all sweeps in the right order: " + ", ".join(SWEEPS) + "."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--at", type=instant, metavar="INSTANT", help=INSTANT_HELP)
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--force", action="store_true", help=FORCE_HELP)
        parser.add_argument("--chunk", type=at_least_one, metavar="N", help="how many at a time")

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_the_future(options)
        given = {name: options[name] for name in ("dry_run", "force", "chunk") if options[name]}
        # Fixed once, so that all sweeps speak of the same instant.
        given["at"] = options["at"] or timezone.now()
        for name in SWEEPS:
            call_command(name, stdout=self.stdout, stderr=self.stderr, **given)
