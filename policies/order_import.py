"""A shop's list of orders (B9): checked line by line, then entered, all or nothing.

Columns by heading: reference, serial, model, plan, name, email, country, and, where known,
phone, placed_at, shipped_at (ISO 8601; without an offset on the clock of the region). A
reference that is on file is not entered again: a new shipment instant corrects the old one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from policies import orders, serials, tables
from policies.actor import Actor
from policies.code_import import Problem
from policies.errors import Conflict
from policies.models import DroneModel, Order, Plan, Region

NEEDED = ["reference", "serial", "model", "plan", "name", "email", "country"]
OPTIONAL = ["phone", "placed_at", "shipped_at"]
LONGEST = {"reference": 64, "name": 120, "email": 254, "phone": 40}


class BadRow(ValueError):
    def __init__(self, message: Any) -> None:
        self.message = message
        super().__init__(message)


@dataclass(frozen=True)
class Line:
    """One order of the file, ready to be entered."""

    number: int
    purchase: orders.Purchase
    shipped_at: datetime | None


@dataclass
class Checked:
    good: list[Line] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass
class Entered:
    """What an import did."""

    placed: int = 0
    shipped: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        return f"{self.placed} entered, {self.shipped} shipped, {self.unchanged} unchanged"


def check(path: Path) -> Checked:
    """Reads the whole file. Writes nothing. Raises UnreadableFile."""
    checked = Checked()
    models = {model.slug: model for model in DroneModel.objects.all()}
    plans = {plan.code: plan for plan in Plan.objects.filter(renews=None)}
    regions = {str(c.country): c.region for c in _countries()}
    first_line: dict[str, int] = {}
    for number, row in _rows(path):
        try:
            line = _line(number, row, models, plans, regions)
            earlier = first_line.setdefault(line.purchase.reference, number)
            if earlier != number:
                raise BadRow(_("The same reference as in line %(line)d.") % {"line": earlier})
        except (BadRow, serials.BadSerial) as error:
            checked.problems.append(Problem(number, error.message))
        else:
            checked.good.append(line)
    return checked


def _countries() -> Iterator[Any]:
    for region in Region.objects.prefetch_related("countries"):
        yield from region.countries.all()


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    rows = tables.rows(path)
    for _number, cells in islice(rows, 1):
        headings = [cell.lower().replace(" ", "_") for cell in cells]
        missing = [name for name in NEEDED if name not in headings]
        if missing:
            raise tables.UnreadableFile(
                _("The first line must have the headings %(missing)s.")
                % {"missing": ", ".join(missing)}
            )
    for number, cells in rows:
        yield number, dict(zip(headings, cells, strict=False))


def _line(
    number: int,
    row: dict[str, str],
    models: dict[str, DroneModel],
    plans: dict[str, Plan],
    regions: dict[str, Region],
) -> Line:
    for name in NEEDED:
        if not row.get(name):
            raise BadRow(_("The column %(name)s is empty.") % {"name": name})
    for name, longest in LONGEST.items():
        text = row.get(name, "")
        if len(text) > longest or not text.isprintable():
            raise BadRow(_("The column %(name)s is too long or not plain text.") % {"name": name})
    try:
        validate_email(row["email"])
    except ValidationError as error:
        raise BadRow(_("This is no e-mail address.")) from error
    country = row["country"].upper()
    if country not in regions:
        raise BadRow(_("Care plans are not sold in this country."))
    if row["model"].lower() not in models:
        raise BadRow(_("There is no model of this name."))
    if row["plan"].lower() not in plans:
        raise BadRow(_("There is no plan of this name that is sold with a drone."))
    region = regions[country]
    purchase = orders.Purchase(
        reference=row["reference"],
        serial=serials.normalise(row["serial"]),
        drone_model=models[row["model"].lower()],
        plan=plans[row["plan"].lower()],
        name=row["name"],
        email=row["email"].lower(),
        country=country,
        phone=row.get("phone", ""),
        placed_at=_instant(row, "placed_at", region),
    )
    return Line(number, purchase, _instant(row, "shipped_at", region))


def _instant(row: dict[str, str], name: str, region: Region) -> datetime | None:
    text = row.get(name, "")
    if not text:
        return None
    try:
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)):
            found = datetime(day.year, day.month, day.day)  # noqa: DTZ001 — the clock follows
    except ValueError:
        found = None
    if found is None or not 2000 <= found.year <= 2100:
        raise BadRow(
            _("The column %(name)s is no date and time, like 2026-01-31T10:00.") % {"name": name}
        )
    return found if found.tzinfo else found.replace(tzinfo=region.zone)


def enter(
    lines: list[Line], *, actor: Actor, now: datetime, dry_run: bool = False
) -> tuple[Entered, list[Problem]]:
    """Enters the orders, all or nothing; the problems are those that only the books know.

    With `dry_run` everything is tried, and taken back.
    """
    entered, problems = Entered(), []
    with transaction.atomic():
        for line in lines:
            try:
                with transaction.atomic():
                    _enter(line, entered, actor=actor, now=now)
            except Conflict as conflict:
                problems.append(Problem(line.number, conflict.message))
        transaction.set_rollback(dry_run or bool(problems))
    return entered, problems


def _enter(line: Line, entered: Entered, *, actor: Actor, now: datetime) -> None:
    purchase = line.purchase
    order = Order.objects.filter(reference=purchase.reference).select_related("drone").first()
    if order is None:
        placed_at = purchase.placed_at or line.shipped_at
        order = orders.place(
            orders.Purchase(**{**vars(purchase), "placed_at": placed_at}), actor=actor, now=now
        )
        entered.placed += 1
    elif order.drone.serial != purchase.serial:
        raise Conflict(_("This reference is on file with another serial number."))
    elif line.shipped_at in {None, order.shipped_at}:
        entered.unchanged += 1
    if line.shipped_at is not None and line.shipped_at != order.shipped_at:
        orders.ship(order, shipped_at=line.shipped_at, actor=actor, now=now)
        entered.shipped += 1
