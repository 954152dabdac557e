"""A table of replacement fees (P5): by model, region, ordinal and the date they begin.

Columns by heading: model, region, ordinal, amount, valid_from (a date) and, as a check where
it is there, currency. A fee on file for the same date gets the amount of the table.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from policies import withdrawal
from policies.imports import names
from policies.imports.base import ImportKind
from policies.imports.cells import BadRow, date_of
from policies.imports.lines import CHANGED, SAME, Line
from policies.models import DroneModel, Region, ReplacementFee
from policies.rules import money
from policies.shared.actor import Actor
from policies.shared.database import insert_many, update_many

COLUMNS = ["drone_model_id", "region_id", "ordinal", "amount", "valid_from"]
AMOUNT = re.compile(r"\d{1,10}(\.\d+)?\Z", re.ASCII)
ORDINAL = re.compile(r"[1-9]\d?\Z", re.ASCII)

Case = tuple[int, int, int, date]


@dataclass(frozen=True, slots=True)
class Fee:
    drone_model: DroneModel
    region: Region
    ordinal: int
    amount: Decimal
    valid_from: date

    @property
    def case(self) -> Case:
        return self.drone_model.pk, self.region.pk, self.ordinal, self.valid_from


class FeeImport(ImportKind):
    needed = ["model", "region", "ordinal", "amount", "valid_from"]
    optional = ["currency"]
    repeated = _("The same model, region, ordinal and date as in line %(line)d.")

    def __init__(self, *, now: datetime, locking: bool = False, encoding: str = "") -> None:
        super().__init__(now=now, locking=locking, encoding=encoding)
        self.models = names.models()
        self.regions = names.by_any_name(Region.objects.all(), "code")

    def read(self, row: dict[str, str]) -> Fee:
        model = names.model(row["model"], self.models)
        region = self.regions.get(names.folded(row["region"]))
        if region is None:
            message = _("There is no region “%(name)s”. Give its name or code, such as EU.")
            raise BadRow(message % {"name": row["region"][:40]})
        if not ORDINAL.match(row["ordinal"]):
            raise BadRow(
                _("ordinal must be 1 for the first replacement, 2 for the second, and so on.")
            )
        amount = self._amount(row, region.currency)
        return Fee(model, region, int(row["ordinal"]), amount, date_of(row, "valid_from"))

    def _amount(self, row: dict[str, str], currency: str) -> Decimal:
        if row.get("currency", "").upper() not in {"", currency}:
            raise BadRow(_("Fees of this region are in %(currency)s.") % {"currency": currency})
        if not AMOUNT.match(row["amount"]):
            raise BadRow(_("amount must be a number with a decimal point, such as 119.00."))
        amount = Decimal(row["amount"])
        if not money.fits(amount, currency):
            raise BadRow(money.misfit(currency))
        # As the column keeps it, so that the preview shows what will be there.
        return round(amount, money.PLACES)

    def key(self, value: Fee) -> str:
        return repr(value.case)

    def compare(self, lines: list[Line]) -> None:
        on_file = {_case(fee): fee for fee in self._on_file(lines)}
        for line in lines:
            fee: Fee = line.value
            currency = fee.region.currency
            line.about = f"{fee.drone_model}, {fee.region}, {fee.ordinal}, {fee.valid_from}"
            line.after = money.shown(fee.amount, currency)
            present = on_file.get(fee.case)
            if present is None:
                if withdrawn := withdrawal.objection(
                    drone_model=fee.drone_model, region=fee.region
                ):
                    line.refuse(withdrawn.message)
            else:
                line.on_file, line.before = present, money.shown(present.amount, currency)
                line.outcome = SAME if present.amount == fee.amount else CHANGED

    def _on_file(self, lines: list[Line]) -> list[ReplacementFee]:
        rows = ReplacementFee.objects.filter(
            drone_model__in={line.value.drone_model.pk for line in lines},
            region__in={line.value.region.pk for line in lines},
            ordinal__in={line.value.ordinal for line in lines},
            valid_from__in={line.value.valid_from for line in lines},
        )
        if self.locking:
            rows = rows.select_for_update(of=("self",))
        return list(rows.order_by("pk"))

    def write(self, lines: list[Line], *, actor: Actor) -> None:
        new = (line.value for line in lines if line.on_file is None)
        insert_many(
            ReplacementFee,
            COLUMNS,
            ((*fee.case[:3], fee.amount, fee.valid_from) for fee in new),
        )
        update_many(
            ReplacementFee,
            ["amount"],
            [(line.value.amount, line.on_file.pk) for line in lines if line.on_file is not None],
        )


def _case(fee: ReplacementFee) -> Case:
    return fee.drone_model_id, fee.region_id, fee.ordinal, fee.valid_from
