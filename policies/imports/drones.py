"""A list of drones (B11): new ones are added, and activations of known ones are corrected.

Columns by heading: serial, model and, where known, activated_at (ISO 8601; without an offset
in UTC). A drone on file gets the activation of the list; an empty cell changes nothing, and is
named where the dealer had given one.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from policies import drones, withdrawal
from policies.imports import names
from policies.imports.base import ImportKind
from policies.imports.cells import BadRow, read_instant, serial_of
from policies.imports.lines import CHANGED, SAME, Line
from policies.models import ActivationSource, Drone, DroneModel
from policies.shared.actor import Actor
from policies.shared.database import insert_many, update_many

UTC = ZoneInfo("UTC")
COLUMNS = ["serial", "drone_model_id", "activated_at", "activation_source", "life"]


@dataclass(frozen=True, slots=True)
class Listed:
    """`serial` is normalised, `activated_at` aware or not known."""

    serial: str
    drone_model: DroneModel
    activated_at: datetime | None


class DroneImport(ImportKind):
    needed = ["serial", "model"]
    optional = ["activated_at"]
    repeated = _("The same serial number as in line %(line)d.")

    def __init__(self, *, now: datetime, locking: bool = False, encoding: str = "") -> None:
        super().__init__(now=now, locking=locking, encoding=encoding)
        self.models = names.models()

    def read(self, row: dict[str, str]) -> Listed:
        model = names.model(row["model"], self.models)
        activated_at = read_instant(row, "activated_at", UTC)
        if drones.is_yet_to_come(activated_at, now=self.now):
            raise BadRow(_("activated_at is in the future."))
        return Listed(serial_of(row), model, activated_at)

    def key(self, value: Listed) -> str:
        return value.serial

    def compare(self, lines: list[Line]) -> None:
        rows = Drone.objects.filter(serial__in=[line.value.serial for line in lines])
        if self.locking:
            rows = rows.select_for_update(of=("self",)).order_by("pk")
        on_file = {drone.serial: drone for drone in rows}
        for line in lines:
            self._compare(line, on_file.get(line.value.serial))

    def _compare(self, line: Line, drone: Drone | None) -> None:
        listed: Listed = line.value
        line.about, line.after = listed.serial, _shown(listed.activated_at)
        if drone is None:
            model = listed.drone_model
            if withdrawn := withdrawal.objection(drone_model=model):
                line.refuse(withdrawn.message)
            line.doubts(listed.serial, drones.doubts_about(listed.serial, model, in_stock=False))
            return
        stated = drone.activation_source == ActivationSource.CUSTOMER
        line.on_file, line.before = drone, _shown(drone.activated_at, stated=stated)
        if drone.drone_model_id != listed.drone_model.pk:
            line.refuse(_("This serial number is on file as another model."))
        elif listed.activated_at is None or line.after == line.before:
            line.outcome, line.after = SAME, line.before
            emptied = "activated_at" in self.columns and listed.activated_at is None
            if emptied and drone.activation_source == ActivationSource.DEALER:
                line.differs("activated_at", books=line.before, file="")
        else:
            line.outcome = CHANGED

    def write(self, lines: list[Line], *, actor: Actor) -> None:
        new = [line.value for line in lines if line.on_file is None]
        known = [line for line in lines if line.on_file is not None]
        insert_many(
            Drone,
            COLUMNS,
            (
                (one.serial, one.drone_model.pk, one.activated_at, _source(one.activated_at), 1)
                for one in new
            ),
        )
        update_many(
            Drone,
            ["activated_at", "activation_source"],
            [
                (line.value.activated_at, ActivationSource.DEALER.value, line.on_file.pk)
                for line in known
            ],
        )


def _source(activated_at: datetime | None) -> str:
    source = ActivationSource.DEALER if activated_at else ActivationSource.UNKNOWN
    return source.value


def _shown(activated_at: datetime | None, *, stated: bool = False) -> str:
    if activated_at is None:
        return ""
    instant = f"{activated_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"{instant} ({ActivationSource.CUSTOMER.label})" if stated else instant
