"""The supplier's list of codes (C1): bad lines by number, all or nothing unless told otherwise."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from policies import codes
from policies.imports import base
from policies.imports.base import RecordsChanged
from policies.imports.codes import CodeImport
from policies.models import ActivationCode, CodeBatch, Plan
from policies.rules.code_format import grouped
from policies.shared.actor import Actor
from policies.shared.errors import Conflict
from tests import factories

NAMES = ["--plan", "care-1y", "--model", "mavic-2-pro", "--region", "US"]


@pytest.fixture
def run(tmp_path, db):
    def on(lines: list[str], *flags: str) -> list[str]:
        path = tmp_path / "codes.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        out = StringIO()
        try:
            call_command("import_codes", str(path), *NAMES, *flags, stdout=out)
        except CommandError as error:
            return [*out.getvalue().splitlines(), f"error: {error}"]
        return out.getvalue().splitlines()

    return on


@pytest.fixture
def three() -> list[str]:
    return list(codes.new_codes(3))


def test_a_list_comes_into_stock_as_one_batch(run, three):
    lines = run(["note;Code", *(f"x;{grouped(code).lower()}" for code in three)])
    batch = CodeBatch.objects.get()
    assert lines == [f"codes.csv: 3 good, 0 bad; batch {batch.pk}, 3 codes in stock."]
    assert (batch.size, batch.source, batch.origin) == (3, "codes.csv", "imported")
    assert {code.batch_id for code in ActivationCode.objects.in_stock()} == {batch.pk}
    assert codes.find(three[0]) is not None


def test_a_list_without_headings_is_read_by_its_first_column(run, three):
    assert run(three, "--dry-run") == ["codes.csv: 3 good, 0 bad; dry run, nothing imported."]
    assert not CodeBatch.objects.exists()


def test_bad_lines_are_reported_and_nothing_lands_unless_they_are_skipped(run, three):
    on_file = factories.whole(factories.ActivationCodeFactory())
    lines = ["code", three[0], "nonsense", three[1], three[0], on_file, three[2]]
    reported = [
        "line 3: A code has 16 characters.",
        "line 5: The same code as in line 2.",
        "line 6: This code is on file already.",
    ]
    assert run(lines) == [
        *reported,
        "error: codes.csv: 3 good, 3 bad; nothing imported. Correct the lines, or use --skip-bad.",
    ]
    assert ActivationCode.objects.count() == 1
    assert run(lines, "--skip-bad")[:3] == reported
    assert ActivationCode.objects.count() == 4


def test_a_wrong_code_of_a_supplier_is_not_compared_with_a_letter(run, three):
    mistyped = three[0][:-1] + ("A" if three[0][-1] != "A" else "B")
    assert run(["code;note", f"{mistyped};x", ";y", f"{'O' * 16};z"], "--dry-run")[:3] == [
        "line 2: There is a typing error in this code.",
        "line 3: The code is missing.",
        "line 4: A code has only letters and digits, and never I, L, O, 0 or 1.",
    ]


def test_a_code_on_file_for_something_else_says_for_what(run, three):
    code = factories.ActivationCodeFactory()
    code.batch.plan = Plan.objects.get(code="care-2y")
    code.batch.save()
    assert run(["code", factories.whole(code)])[0] == (
        "line 2: This code is on file already, for something else: "
        f"2-Year, Mavic 2 Pro, United States (#{code.batch.pk})."
    )


def test_a_file_without_a_good_code_makes_no_batch(run):
    lines = run(["code", "nonsense"], "--skip-bad")
    assert lines[-1] == "error: codes.csv: The file has no codes that can be imported."
    assert not CodeBatch.objects.exists()


def test_a_file_that_is_not_there_is_told(db, tmp_path):
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("import_codes", str(tmp_path / "none.csv"), *NAMES)


def test_codes_that_came_on_file_since_the_check_stop_the_import(
    tmp_path, three, care_1y, mavic_2_pro, us, now
):
    facts = {"plan": care_1y, "drone_model": mavic_2_pro, "region": us, "source": "x", "now": now}
    clerk = Actor.command("test")
    path = tmp_path / "codes.csv"
    path.write_text("\n".join(three))
    checked = base.check(CodeImport(**facts), path)
    meanwhile = codes.new_imported_batch(
        care_1y, mavic_2_pro, us, 1, source="y", actor=clerk, now=now
    )
    codes.add_to_stock(meanwhile, iter(three[1:2]))
    with pytest.raises(RecordsChanged) as error:
        base.import_rows(
            CodeImport(**facts),
            path,
            size=checked.new,
            fingerprint=checked.fingerprint,
            actor=clerk,
        )
    assert isinstance(error.value, Conflict)
    assert list(CodeBatch.objects.all()) == [meanwhile]
    assert ActivationCode.objects.count() == 1
