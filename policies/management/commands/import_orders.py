from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from policies import order_import
from policies.actor import Actor
from policies.tables import UnreadableFile


class Command(BaseCommand):
    help = (
        "Enters the shop's orders of drones with plans from CSV or XLSX, and their shipments. "
        "Every line that is wrong is reported, and nothing is entered then."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="report, and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            checked = order_import.check(path)
        except UnreadableFile as error:
            raise CommandError(f"{path.name}: {error.message}") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        # With bad lines in the file nothing can land; the good ones are tried all the same,
        # so that one run reports everything.
        dry_run = options["dry_run"] or bool(checked.problems)
        entered, problems = order_import.enter(
            checked.good, actor=Actor.command("import_orders"), now=timezone.now(), dry_run=dry_run
        )
        problems = sorted([*checked.problems, *problems], key=lambda problem: problem.line)
        for problem in problems:
            self.stdout.write(str(problem))
        if options["dry_run"]:
            self.stdout.write(
                f"{path.name}: {entered}, {len(problems)} bad; dry run, nothing entered."
            )
        elif problems:
            raise CommandError(f"{path.name}: {len(problems)} bad; nothing entered.")
        else:
            self.stdout.write(f"{path.name}: {entered}.")
