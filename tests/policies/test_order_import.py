"""The shop's list of orders (B9): every wrong line reported, nothing entered then."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from policies.models import Order, Policy

HEAD = "reference,serial,model,plan,name,email,country,shipped_at\n"
ANN = "W-1,0AXCSHOP0001,mavic-2-pro,care-1y,Ann Lee,ann@example.com,US,2026-03-10T09:00\n"
BEN = "W-2,0AXCSHOP0002,mini-2,care-2y,Ben Ng,ben@example.com,DE,\n"


@pytest.fixture
def run(tmp_path, db):
    def on(text: str, *flags: str) -> list[str]:
        path = tmp_path / "orders.csv"
        path.write_text(text, encoding="utf-8")
        out = StringIO()
        try:
            call_command("import_orders", str(path), *flags, stdout=out)
        except CommandError as error:
            return [*out.getvalue().splitlines(), f"error: {error}"]
        return out.getvalue().splitlines()

    return on


def test_orders_are_entered_with_their_shipments(run):
    assert run(HEAD + ANN + BEN) == ["orders.csv: 2 entered, 1 shipped, 0 unchanged."]
    shipped = Policy.objects.get()
    # Nine in the morning in New York, and two days on.
    assert shipped.starts_at.isoformat() == "2026-03-12T13:00:00+00:00"
    assert Order.objects.get(reference="W-2").policy is None


def test_the_same_file_again_changes_nothing(run):
    run(HEAD + ANN + BEN)
    assert run(HEAD + ANN + BEN) == ["orders.csv: 0 entered, 0 shipped, 2 unchanged."]


def test_a_dry_run_says_the_same_and_writes_nothing(run):
    assert run(HEAD + ANN, "--dry-run") == [
        "orders.csv: 1 entered, 1 shipped, 0 unchanged, 0 bad; dry run, nothing entered."
    ]
    assert not Order.objects.exists()


def test_every_wrong_line_is_reported_and_nothing_is_entered(run):
    wrong = [
        "W-3,1.23E+15,mini-2,care-1y,Cy,cy@example.com,US,",
        "W-4,0AXCSHOP0004,mini-9,care-1y,Cy,cy@example.com,US,",
        "W-5,0AXCSHOP0005,mini-2,refresh-plus,Cy,cy@example.com,US,",
        "W-6,0AXCSHOP0006,mini-2,care-1y,Cy,nobody,US,",
        "W-7,0AXCSHOP0007,mini-2,care-1y,Cy,cy@example.com,BR,",
        "W-8,0AXCSHOP0008,mini-2,care-1y,Cy,cy@example.com,US,tomorrow",
        "W-1,0AXCSHOP0009,mini-2,care-1y,Cy,cy@example.com,US,",
        ",0AXCSHOP0010,mini-2,care-1y,Cy,cy@example.com,US,",
        "W-11,0AXCSHOP0001,mavic-2-pro,care-1y,Cy,cy@example.com,US,",
    ]
    lines = run(HEAD + ANN + "\n".join(wrong) + "\n")
    assert [line.partition(":")[0] for line in lines] == [
        *(f"line {number}" for number in range(3, 12)),
        "error",
    ]
    assert lines[0].startswith("line 3: A spreadsheet has turned this serial number")
    assert lines[-1] == "error: orders.csv: 9 bad; nothing entered."
    assert not Order.objects.exists()


def test_a_file_without_headings_is_told_what_it_lacks(run):
    [said] = run(ANN)
    assert said.startswith("error: orders.csv: The first line must have the headings reference")
