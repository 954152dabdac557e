from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from policies.imports import base
from policies.imports.base import RecordsChanged
from policies.imports.lines import BAD, Checked, Line
from policies.imports.orders import OrderImport
from policies.imports.spreadsheet import UnreadableFile
from policies.management.import_command import add_encoding, encoding_of
from policies.shared.actor import Actor


class Command(BaseCommand):
    help = (
        "Enters the shop's orders of drones with plans from CSV or XLSX, and their shipments. "
        "Every line that is wrong is reported, and nothing is entered then. A line that "
        "differs from what is on file is named; only its shipment is taken over."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="report, and write nothing")
        add_encoding(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        now = timezone.now()
        try:
            encoding = encoding_of(
                path,
                options["encoding"],
                lambda encoding: OrderImport(now=now, encoding=encoding),
            )
            kind = OrderImport(now=now, encoding=encoding)
            checked = base.check(kind, path, report=self._report)
            if kind.read_from:
                self.stdout.write(f"{path.name}: {kind.read_from}")
            summary = f"{checked.new} entered, {kind.shipped} shipped, {checked.same} unchanged"
            if checked.differences:
                summary += f", {checked.differences} with a warning"
            if options["dry_run"]:
                self.stdout.write(
                    f"{path.name}: {summary}, {checked.bad} bad; dry run, nothing entered."
                )
                return
            if checked.bad:
                raise CommandError(f"{path.name}: {checked.bad} bad; nothing entered.")
            self._enter(OrderImport(now=now, locking=True, encoding=encoding), path, checked)
        except (UnreadableFile, RecordsChanged) as error:
            raise CommandError(f"{path.name}: {error.message}") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        self.stdout.write(f"{path.name}: {summary}.")

    def _report(self, line: Line) -> None:
        if line.outcome == BAD:
            self.stdout.write(str(line))
            return
        for text in line.differences:
            self.stdout.write(f"line {line.number}: warning: {text}")

    def _enter(self, kind: OrderImport, path: Path, checked: Checked) -> None:
        base.import_rows(
            kind,
            path,
            size=checked.new,
            fingerprint=checked.fingerprint,
            actor=Actor.command("import_orders"),
        )
