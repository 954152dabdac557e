from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from policies import withdrawal
from policies.models import DroneModel, Plan, Region


class CatalogueCommand(BaseCommand):
    """A command that names a plan, a model and a region, as in `care-1y mavic-2-pro US`."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--plan", required=True, help="plan by its code, as in care-1y")
        parser.add_argument("--model", required=True, help="model by its slug, as in mavic-2-pro")
        parser.add_argument("--region", required=True, help="region by its code, as in US")

    def catalogue(self, options: dict[str, Any]) -> dict[str, Any]:
        """The three rows, by the names that the verbs use.

        Raises CommandError where one is unknown or withdrawn (P10).
        """
        rows: dict[str, Any] = {
            "plan": self._named(Plan, "code", options["plan"]),
            "drone_model": self._named(DroneModel, "slug", options["model"]),
            "region": self._named(Region, "code", options["region"]),
        }
        if withdrawn := withdrawal.objection(**rows):
            raise CommandError(str(withdrawn.message))
        return rows

    def _named(self, model: type[Plan | DroneModel | Region], column: str, name: str) -> Any:
        row = model.objects.filter(**{column: name}).first()
        if row is None:
            known = ", ".join(
                model.objects.on_offer().values_list(column, flat=True).order_by(column)
            )
            raise CommandError(f"No such {model._meta.verbose_name}: {name!r}. Known: {known}")
        return row
