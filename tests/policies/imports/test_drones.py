"""A list of drones: put on file, or told when they were activated (B11)."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from openpyxl import Workbook

from policies import drones
from policies.imports import base
from policies.imports.drones import DroneImport
from policies.imports.spreadsheet import UnreadableFile
from policies.models import Drone, DroneModel
from policies.shared.actor import Actor
from tests import factories

HEAD = "serial,model,activated_at\n"
NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def bring(tmp_path, db, now):
    """Checks a file and takes its good rows in."""

    def bring(text: str, encoding: str = "utf-8"):
        path = tmp_path / "drones.csv"
        path.write_text(text, encoding=encoding)
        checked = base.check(DroneImport(now=now), path)
        base.import_rows(
            DroneImport(now=now, locking=True),
            path,
            size=checked.new,
            fingerprint=checked.fingerprint,
            actor=Actor.command("test"),
        )
        return checked

    return bring


def problems(checked) -> list[str]:
    return [str(line) for line in checked.problems]


def test_drones_come_on_file_with_what_the_dealer_knows(bring):
    bring(HEAD + "0ax-list 0001,mavic-2-pro,2026-03-01T09:00\n0AXLIST0002,Mini-2,\n")
    first, second = Drone.objects.order_by("serial")
    assert (first.serial, first.drone_model.slug) == ("0AXLIST0001", "mavic-2-pro")
    assert (first.activated_at, first.activation_source) == (NINE, "dealer")
    assert (second.serial, second.activated_at, second.activation_source) == (
        "0AXLIST0002",
        None,
        "",
    )
    assert (second.life, second.retired_at) == (1, None)


def test_what_the_dealer_knows_counts_more_than_what_the_customer_stated(bring):
    factories.DroneFactory(serial="0AXLIST0001", activated_at=NINE, activation_source="customer")
    checked = bring(HEAD + "0AXLIST0001,mavic-2-pro,2026-03-01T09:00Z\n")
    assert checked.changed == 1
    [change] = checked.changes
    assert change.before == "2026-03-01 09:00:00 UTC (Stated by the customer)"
    assert Drone.objects.get().activation_source == "dealer"


def test_an_empty_activation_takes_nothing_away(bring):
    factories.DroneFactory(serial="0AXLIST0001", activated_at=NINE, activation_source="dealer")
    checked = bring(HEAD + "0AXLIST0001,mavic-2-pro,\n")
    assert (checked.same, checked.changed) == (1, 0)
    [row] = checked.differing
    assert [str(text) for text in row.differences] == [
        "activated_at: the books say 2026-03-01 09:00:00 UTC, the file says nothing."
    ]
    assert bring("serial,model\n0AXLIST0001,mavic-2-pro\n").differences == 0
    assert Drone.objects.get().activated_at == NINE


def test_every_wrong_row_is_named_and_the_good_ones_land(bring):
    factories.DroneFactory(serial="0AXLIST0009")
    checked = bring(
        HEAD
        + "1.23E+15,mini-2,\n"
        + "0AXLIST0001,mini-2,\n"
        + "0AXLIST0001,mini-2,\n"
        + "0AXLIST0002,mini-9,\n"
        + "0AXLIST0003,mini-2,2026-03-10T15:01Z\n"
        + "0AXLIST0004,mini-2,0001-01-01\n"
        + "0AXLIST0009,mini-2,\n"
        + "?,mini-2,\n"
    )
    assert problems(checked) == [
        "line 2: A spreadsheet has turned this serial number into a rounded number; type it in full.",
        "line 4: The same serial number as in line 3.",
        "line 5: There is no model “mini-9”. Give its name or slug, such as mavic-2-pro.",
        "line 6: activated_at is in the future.",
        "line 7: activated_at must be a date and time, such as 2026-01-31T10:00.",
        "line 8: This serial number is on file as another model.",
        "line 9: A serial number has 5 to 32 letters and digits, and nothing else.",
    ]
    assert Drone.objects.filter(serial__startswith="0AXLIST").count() == 2


@pytest.mark.parametrize(("second", "refused"), [(0, False), (1, True)])
def test_an_activation_that_has_yet_to_come_is_refused_by_file_as_at_the_desk(
    bring, now, second, refused
):
    at = now + timedelta(seconds=second)
    checked = bring(f"{HEAD}0AXLIST0001,mavic-2-pro,{at.isoformat()}\n")
    assert problems(checked) == ["line 2: activated_at is in the future."] * refused
    desk = pytest.raises(drones.NotYet) if refused else nullcontext()
    with desk:
        drones.register(
            serial="0AXDESK0001",
            drone_model=DroneModel.objects.get(slug="mavic-2-pro"),
            activated_at=at,
            now=now,
        )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_any_usual_encoding_and_delimiter_is_read(bring, encoding):
    checked = bring("serial;model;größe\n0AXLIST0001;mini-2;ü\n", encoding=encoding)
    assert (checked.new, checked.bad) == (1, 0)


def test_a_serial_number_that_a_sheet_holds_as_a_rounded_number_is_refused(tmp_path, db, now):
    book = Workbook()
    book.active.append(["serial", "model"])
    book.active.append([1234567890123456789, "mini-2"])
    book.active.append([12345678, "mini-2"])
    book.save(tmp_path / "drones.xlsx")
    checked = base.check(DroneImport(now=now), tmp_path / "drones.xlsx")
    assert [line.about for line in checked.changes] == ["12345678"]
    assert problems(checked)[0].startswith("line 2: A spreadsheet has turned this serial number")


def test_a_number_with_decimals_is_no_serial_number(tmp_path, db, now):
    book = Workbook()
    book.active.append(["serial", "model"])
    book.active.append([1234.5, "mini-2"])
    book.active.append([12345.0, "mini-2"])
    book.save(tmp_path / "drones.xlsx")
    checked = base.check(DroneImport(now=now), tmp_path / "drones.xlsx")
    assert [line.about for line in checked.changes] == ["12345"]
    assert problems(checked) == [
        "line 2: serial is 1234.5, a number with decimals. "
        "Format the column as text, and type the serial number in full."
    ]


def test_a_table_on_another_sheet_below_a_title_is_found_and_said(tmp_path, db, now):
    book = Workbook()
    book.active.title = "Cover"
    book.active.append(["Drones of March"])
    for title in ("Drones", "More"):
        sheet = book.create_sheet(title)
        sheet.append(["Drones of March"])
        sheet.append([])
        sheet.append(["colour", "serial", "model"])
        sheet.append(["red", f"0AX{title.upper()}01", "Mini 2"])
    book.save(tmp_path / "drones.xlsx")
    kind = DroneImport(now=now)
    checked = base.check(kind, tmp_path / "drones.xlsx")
    assert [(line.number, line.about) for line in checked.changes] == [(4, "0AXDRONES01")]
    assert kind.read_from == (
        "Sheet “Drones”, headings in line 3. Not read, though it has such headings: sheet “More”."
    )


def test_headings_that_are_not_quite_there_name_the_line_and_what_it_lacks(bring):
    with pytest.raises(UnreadableFile) as error:
        bring("Drones of March\nserial,colour\n0AXLIST0001,red\n")
    assert str(error.value.message) == "Line 2 has no heading model, which is needed."


def test_b12_a_serial_number_that_looks_wrong_is_warned_of_and_taken(bring):
    rows = "1581F4QWB2200A1B2C3D,mavic-3,\n1581F0,mavic-3,\n1581F4QWB2200A1B2C3E,mini-2,\n"
    checked = bring(HEAD + rows)
    assert [(line.number, line.differences) for line in checked.differing] == [
        (3, ["1581F0: Its fifth character, F, stands for a length of 15 after it; it has 1."]),
        (
            4,
            [
                "1581F4QWB2200A1B2C3E: "
                "It is one of a model of 2021 or later, and this model is older."
            ],
        ),
    ]
    assert Drone.objects.count() == 3
    assert bring(HEAD + rows).differences == 0
