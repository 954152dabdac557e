"""Files about what is withdrawn: what is on file goes on, nothing new is added (P10)."""

from datetime import date

import pytest

from policies.imports import base
from policies.imports.codes import CodeImport
from policies.imports.drones import DroneImport
from policies.imports.fees import FeeImport
from policies.models import Drone, ReplacementFee
from tests import factories

MODEL = "The model Mavic 2 Pro is withdrawn: nothing new is taken in for it."
REGION = "The region United States is withdrawn: nothing new is sold there."


@pytest.fixture
def check(tmp_path):
    """What a file would do: its counts, and what is said of its rows."""

    def look(kind, text: str):
        path = tmp_path / "file.csv"
        path.write_text(text, encoding="utf-8")
        checked = base.check(kind, path, report=lambda line: None)
        problems = [str(line.problem) for line in checked.problems]
        return (checked.new, checked.changed, checked.same, checked.bad), problems

    return look


@pytest.fixture
def withdrawn_model(mavic_2_pro):
    mavic_2_pro.is_withdrawn = True
    mavic_2_pro.save()
    return mavic_2_pro


def test_p10_every_row_of_a_file_of_codes_says_why(check, care_1y, withdrawn_model, us, now):
    kind = CodeImport(plan=care_1y, drone_model=withdrawn_model, region=us, source="f", now=now)
    seal = [factories.whole(factories.ActivationCodeFactory()) for _number in range(2)]
    assert check(kind, "code\n" + "\n".join(seal) + "\n") == ((0, 0, 0, 2), [MODEL, MODEL])


def test_p10_drones_on_file_are_corrected_and_new_ones_refused(check, withdrawn_model, now):
    factories.DroneFactory(serial="0AXCOLD0001")
    rows = (
        "0AXCOLD0001,mavic-2-pro,2026-01-05T10:00\n0AXCNEW0001,mavic-2-pro,\n0AXCNEW0002,mini-2,\n"
    )
    counts, problems = check(DroneImport(now=now), "serial,model,activated_at\n" + rows)
    assert (counts, problems) == ((1, 1, 0, 1), [MODEL])
    assert Drone.objects.count() == 1


def test_p10_fees_on_file_are_changed_and_new_ones_refused(check, withdrawn_model, us, now):
    fee = ReplacementFee.objects.filter(drone_model=withdrawn_model, region=us, ordinal=1).first()
    head = "model,region,ordinal,amount,valid_from\n"
    rows = f"mavic-2-pro,US,1,7.00,{fee.valid_from}\nmavic-2-pro,US,1,8.00,{date(2031, 1, 1)}\n"
    assert check(FeeImport(now=now), head + rows) == ((0, 1, 0, 1), [MODEL])
    us.is_withdrawn = True
    us.save()
    assert check(FeeImport(now=now), head + "mini-2,US,1,8.00,2031-01-01\n") == (
        (0, 0, 0, 1),
        [REGION],
    )
