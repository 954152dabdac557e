from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from policies.imports import base
from policies.imports.codes import CodeImport
from policies.imports.spreadsheet import UnreadableFile
from policies.management.catalogue_command import CatalogueCommand
from policies.management.import_command import add_encoding, encoding_of
from policies.shared.actor import Actor
from policies.shared.errors import Conflict


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
        add_encoding(parser)
        parser.add_argument("--skip-bad", action="store_true", help="import the good lines")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        facts = {**self.catalogue(options), "source": path.name, "now": timezone.now()}
        try:
            facts["encoding"] = encoding_of(
                path,
                options["encoding"],
                lambda encoding: CodeImport(**facts, encoding=encoding),
            )
            summary = self._import(path, facts, options)
        except (UnreadableFile, Conflict) as error:
            raise CommandError(f"{path.name}: {error.message}") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        self.stdout.write(f"{path.name}: {summary}")

    def _import(self, path: Path, facts: dict[str, Any], options: dict[str, Any]) -> str:
        kind = CodeImport(**facts)
        checked = base.check(kind, path, report=lambda line: self.stdout.write(str(line)))
        if kind.read_from:
            self.stdout.write(f"{path.name}: {kind.read_from}")
        summary = f"{checked.good} good, {checked.bad} bad"
        if options["dry_run"]:
            return f"{summary}; dry run, nothing imported."
        if checked.bad and not options["skip_bad"]:
            raise CommandError(
                f"{path.name}: {summary}; nothing imported. Correct the lines, or use --skip-bad."
            )
        kind = CodeImport(**facts, locking=True)
        base.import_rows(
            kind,
            path,
            size=checked.new,
            fingerprint=checked.fingerprint,
            actor=Actor.command("import_codes"),
        )
        assert kind.batch is not None
        return f"{summary}; batch {kind.batch.pk}, {kind.batch.size} codes in stock."
