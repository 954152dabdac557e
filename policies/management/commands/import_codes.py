from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from policies import code_import
from policies.actor import Actor
from policies.errors import Conflict
from policies.management.catalogue_command import CatalogueCommand
from policies.tables import UnreadableFile


class Command(CatalogueCommand):
    help = (
        "Imports a supplier's activation codes from CSV or XLSX (a column headed `code`, or the "
        "first column). Every line that is wrong is reported; nothing lands then, unless "
        "--skip-bad takes the good ones."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="report, and write nothing")
        parser.add_argument("--skip-bad", action="store_true", help="import the good lines")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        catalogue = self.catalogue(options)
        checked = self._check(path)
        for problem in checked.problems:
            self.stdout.write(str(problem))
        said = f"{len(checked.good)} good, {len(checked.problems)} bad"
        if options["dry_run"]:
            self.stdout.write(f"{path.name}: {said}; dry run, nothing imported.")
            return
        if checked.problems and not options["skip_bad"]:
            raise CommandError(
                f"{path.name}: {said}; nothing imported. Mend the lines, or use --skip-bad."
            )
        try:
            batch = code_import.take_in(
                checked, **catalogue, actor=Actor.command("import_codes"), now=timezone.now()
            )
        except Conflict as conflict:
            raise CommandError(f"{path.name}: {conflict.message}") from conflict
        self.stdout.write(f"{path.name}: {said}; batch {batch.pk}, {batch.size} codes in stock.")

    def _check(self, path: Path) -> code_import.Checked:
        try:
            return code_import.check(path)
        except UnreadableFile as error:
            raise CommandError(f"{path.name}: {error.message}") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
