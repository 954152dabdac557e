"""A table of replacement fees (P5): read, compared with what is on file, taken in."""

from datetime import date
from decimal import Decimal

import pytest

from policies.imports import base
from policies.imports.base import RecordsChanged
from policies.imports.fees import FeeImport
from policies.imports.spreadsheet import UnreadableFile
from policies.models import Region, ReplacementFee
from policies.shared.actor import Actor

HEAD = "model,region,ordinal,amount,valid_from\n"


@pytest.fixture
def table(tmp_path, db):
    def write(text: str):
        path = tmp_path / "fees.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def problems(table, now):
    def of(*lines: str) -> list[str]:
        checked = base.check(FeeImport(now=now), table(HEAD + "\n".join(lines)))
        return [str(line) for line in checked.problems]

    return of


def fee_on(day: date, ordinal: int = 1) -> Decimal:
    return ReplacementFee.objects.get(
        drone_model__slug="mavic-2-pro", region__code="US", ordinal=ordinal, valid_from=day
    ).amount


def test_a_fee_is_new_or_changed_or_the_same(table, now, mavic_2_pro, us):
    path = table(
        HEAD
        + "mavic-2-pro,US,1,129,2027-01-01\n"
        + "Mavic 2 Pro,United States,2,149.50,2027-01-01\n"
        + "mavic-2-pro,US,3,169.00,2027-01-01 00:00:00\n"
    )
    for ordinal, amount in ((2, "139.00"), (3, "169.00")):
        ReplacementFee.objects.create(
            drone_model=mavic_2_pro,
            region=us,
            ordinal=ordinal,
            amount=Decimal(amount),
            valid_from=date(2027, 1, 1),
        )
    checked = base.check(FeeImport(now=now), path)
    assert (checked.new, checked.changed, checked.same, checked.bad) == (1, 1, 1, 0)
    assert [(one.about, one.before, one.after) for one in checked.changes] == [
        ("Mavic 2 Pro, United States, 1, 2027-01-01", "", "USD\xa0129.00"),
        ("Mavic 2 Pro, United States, 2, 2027-01-01", "USD\xa0139.00", "USD\xa0149.50"),
    ]
    base.import_rows(
        FeeImport(now=now, locking=True),
        path,
        size=checked.new,
        fingerprint=checked.fingerprint,
        actor=Actor.command("test"),
    )
    day = date(2027, 1, 1)
    assert [fee_on(day, ordinal) for ordinal in (1, 2, 3)] == [
        Decimal("129.00"),
        Decimal("149.50"),
        Decimal("169.00"),
    ]


def test_every_wrong_cell_is_named(problems):
    assert problems(
        "mavic-9,US,1,129,2027-01-01",
        "mini-2,XX,1,129,2027-01-01",
        "mini-2,US,0,129,2027-01-01",
        'mini-2,US,1,"129,00",2027-01-01',
        "mini-2,US,1,-5,2027-01-01",
        "mini-2,US,1,129.005,2027-01-01",
        "mini-2,US,1,129,0001-01-01",
        "mini-2,US,1,129,9999-01-01",
        "mini-2,US,1,129,soon",
        "mini-2,US,1,,2027-01-01",
        "mini-2,US,1,129,2027-02-30",
    ) == [
        "line 2: There is no model “mavic-9”. Give its name or slug, such as mavic-2-pro.",
        "line 3: There is no region “XX”. Give its name or code, such as EU.",
        "line 4: ordinal must be 1 for the first replacement, 2 for the second, and so on.",
        "line 5: amount must be a number with a decimal point, such as 119.00.",
        "line 6: amount must be a number with a decimal point, such as 119.00.",
        "line 7: An amount in USD has at most 2 decimals.",
        "line 8: valid_from must be a date, such as 2026-01-31.",
        "line 9: valid_from must be a date, such as 2026-01-31.",
        "line 10: valid_from must be a date, such as 2026-01-31.",
        "line 11: amount is missing.",
        "line 12: valid_from must be a date, such as 2026-01-31.",
    ]


def test_the_same_case_twice_in_the_file_names_the_first_line(problems):
    assert problems("mini-2,US,1,129,2027-01-01", "mini-2,us,1,139,2027-01-01") == [
        "line 3: The same model, region, ordinal and date as in line 2."
    ]


def test_an_amount_has_the_decimals_of_its_currency(problems, us):
    Region.objects.filter(pk=us.pk).update(currency="JPY")
    assert problems("mini-2,US,1,12900.50,2027-01-01", "mini-2,US,2,12900,2027-01-01") == [
        "line 2: An amount in JPY has no decimals."
    ]


def test_a_table_in_another_currency_is_refused(table, now):
    path = table(HEAD.strip() + ",currency\nmini-2,US,1,129,2027-01-01,EUR\n")
    [problem] = base.check(FeeImport(now=now), path).problems
    assert str(problem.problem) == "Fees of this region are in USD."


@pytest.mark.parametrize(
    ("first_line", "sentence"),
    [
        ("", "The file is empty."),
        ("model,region,ordinal\n", "Line 1 has no heading amount, valid_from, which is needed."),
        (
            "model,region,ordinal,amount,amount,valid_from\n",
            "The heading amount appears twice in line 1.",
        ),
    ],
)
def test_headings_that_are_missing_or_doubled_are_named(table, now, first_line, sentence):
    with pytest.raises(UnreadableFile) as error:
        base.check(FeeImport(now=now), table(first_line))
    assert sentence in str(error.value.message)


def test_headings_that_nobody_knows_are_kept_to_be_told(table, now):
    kind = FeeImport(now=now)
    base.check(kind, table(HEAD.strip() + ",Colour\nmini-2,US,1,129,2027-01-01,red\n"))
    assert kind.unused_headings == ["colour"]


def test_nothing_is_written_when_the_books_changed_since_the_check(table, now, mavic_2_pro, us):
    path = table(HEAD + "mavic-2-pro,US,1,129,2027-01-01\nmavic-2-pro,US,2,149,2027-01-01\n")
    checked = base.check(FeeImport(now=now), path)
    ReplacementFee.objects.create(
        drone_model=mavic_2_pro,
        region=us,
        ordinal=2,
        amount=Decimal("140"),
        valid_from=date(2027, 1, 1),
    )
    with pytest.raises(RecordsChanged):
        base.import_rows(
            FeeImport(now=now, locking=True),
            path,
            size=checked.new,
            fingerprint=checked.fingerprint,
            actor=Actor.command("test"),
        )
    assert fee_on(date(2027, 1, 1), ordinal=2) == Decimal("140.00")
    assert not ReplacementFee.objects.filter(ordinal=1, valid_from=date(2027, 1, 1)).exists()
