"""The shop's list of orders (B9): every wrong line reported, nothing entered then."""

from datetime import UTC, datetime
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from policies import orders
from policies.models import Customer, DroneModel, Order, Plan, Policy
from policies.shared.actor import Actor
from tests import factories

DESK = Actor.command("test")
HEAD = "reference,serial,model,plan,name,email,country,shipped_at\n"
ANN = "W-1,0AXCSHOP0001,mavic-2-pro,care-1y,Ann Lee,ann@example.com,US,2026-03-10T09:00\n"
BEN = "W-2,0AXCSHOP0002,mini-2,care-2y,Ben Ng,ben@example.com,DE,\n"


@pytest.fixture
def run(tmp_path, db):
    def on(text: str, *flags: str, written: str = "utf-8") -> list[str]:
        path = tmp_path / "orders.csv"
        path.write_text(text, encoding=written)
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
        "W-1,0axc-shop-0001,mini-2,care-1y,Cy,cy@example.com,US,",
        ",0AXCSHOP0010,mini-2,care-1y,Cy,cy@example.com,US,",
        "W-11,0AXCSHOP0001,mavic-2-pro,care-1y,Cy,cy@example.com,US,",
    ]
    lines = run(HEAD + ANN + "\n".join(wrong) + "\n")
    assert lines[0].startswith("line 3: A spreadsheet has turned this serial number")
    assert lines[1:] == [
        "line 4: There is no model “mini-9”. Give its name or slug, such as mavic-2-pro.",
        "line 5: No plan “refresh-plus” is sold with a drone. Known are: care-1y, care-2y.",
        "line 6: email must be an address like name@example.com, of at most 254 characters.",
        "line 7: Care plans are not sold in this country.",
        "line 8: shipped_at must be a date and time, such as 2026-01-31T10:00.",
        "line 9: The same reference and serial number as in line 2.",
        "line 10: reference is missing.",
        "line 11: The same serial number as in line 2.",
        "error: orders.csv: 9 bad; nothing entered.",
    ]
    assert not Order.objects.exists()


def test_a_file_without_headings_is_told_what_it_lacks(run):
    [line] = run(ANN)
    assert line.startswith(
        "error: orders.csv: None of the first 10 lines has the headings reference"
    )


def test_a_file_writes_what_the_desk_would_write(run, now, clerk):
    """Order, drone, customer, policy, period and history: the same, but for names and numbers."""
    desk = Actor.command("import_orders")
    bought = orders.Purchase(
        reference="W-9",
        serial="0AXCDESK0009",
        drone_model=DroneModel.objects.get(slug="mavic-2-pro"),
        plan=Plan.objects.get(code="care-1y"),
        name="Ann Lee",
        email="ann@example.com",
        country="US",
        placed_at=datetime(2026, 3, 10, 13, 0, tzinfo=UTC),
    )
    order = orders.place(bought, actor=desk, now=now)
    orders.ship(order, shipped_at=bought.placed_at, actor=desk, now=now)
    run(HEAD + ANN)
    ours, theirs = Order.objects.order_by("reference")
    assert written(ours) == written(theirs)
    assert ours.customer_id == theirs.customer_id


def written(order: Order) -> list[dict]:
    """Everything that stands on file about an order, without ids, names and the moment."""
    policy = order.policy
    rows = [order, order.drone, policy, *policy.periods.all()]
    rows += [*policy.events.order_by("id"), *order.events.order_by("id")]
    own = {"id", "reference", "number", "serial", "created_at", "at", "note"}
    own |= {"drone_id", "policy_id", "order_id"}
    return [
        {
            field.attname: getattr(row, field.attname)
            for field in row._meta.concrete_fields
            if field.attname not in own
        }
        for row in rows
    ]


def test_a_later_file_corrects_shipments_and_the_plans_move_along(run):
    with time_machine.travel(datetime(2026, 3, 10, 15, 0, tzinfo=UTC), tick=False):
        run(HEAD + ANN + BEN)
        later = ANN.replace("03-10T09:00", "03-11T09:00")
        first = BEN.replace("DE,", "DE,2026-03-12")
        assert run(HEAD + later + first) == ["orders.csv: 0 entered, 2 shipped, 0 unchanged."]
    moved, begun = Order.objects.order_by("reference")
    assert moved.policy.starts_at.isoformat() == "2026-03-13T13:00:00+00:00"
    [period] = moved.policy.periods.all()
    assert (period.starts_at, period.ends_at) == (moved.policy.starts_at, moved.policy.ends_at)
    assert [event.kind for event in moved.events.order_by("id")] == [
        "placed",
        "shipped",
        "corrected",
    ]
    assert [event.kind for event in moved.policy.events.order_by("id")] == [
        "scheduled",
        "rescheduled",
    ]
    # Midnight in Berlin, and two days on.
    assert begun.policy.starts_at.isoformat() == "2026-03-13T23:00:00+00:00"


def test_a_plan_that_has_begun_is_no_longer_moved(run):
    run(HEAD + ANN)  # shipped in March 2026, long ago
    [line, _error] = run(HEAD + ANN.replace("03-10T09:00", "03-11T09:00"))
    assert line == "line 2: The policy has begun; its shipment can no longer be corrected."


def test_drones_that_cannot_get_a_plan_are_told(run):
    factories.PolicyFactory(drone=factories.DroneFactory(serial="0AXCSHOP0001"))
    factories.DroneFactory(serial="0AXCSHOP0002")  # a Mavic 2 Pro
    lines = run(HEAD + ANN + BEN)
    assert lines[:2] == [
        "line 2: This drone has had a care plan before and cannot get another.",
        "line 3: This serial number is on file as another model.",
    ]


def test_a_customer_is_found_again_and_a_missing_phone_is_added(run):
    ann = factories.CustomerFactory(name="ANN LEE", email="ann@example.com")
    head = "phone," + HEAD
    second = "W-5,0AXCSHOP0005,mavic-2-pro,care-1y,ann lee,ANN@example.com,US,\n"
    run(head + "," + ANN + "+1 555 0100," + second)
    assert [order.customer for order in Order.objects.all()] == [ann, ann]
    ann.refresh_from_db()
    assert (ann.name, ann.phone) == ("ANN LEE", "+1 555 0100")


def test_what_a_file_says_otherwise_than_the_books_is_named(run):
    run(HEAD + ANN + BEN)
    corrected = "W-1,0AXCSHOP0001,mavic-3,care-2y,Bob Lee,bob@example.com,CA,\n"
    assert run(HEAD + corrected + BEN) == [
        "line 2: warning: model: the books say Mavic 2 Pro, the file says DJI Mavic 3.",
        "line 2: warning: plan: the books say 1-Year, the file says 2-Year.",
        "line 2: warning: email: the books say ann@example.com, the file says bob@example.com.",
        "line 2: warning: country: the books say US, the file says CA.",
        "line 2: warning: name: the books say Ann Lee, the file says Bob Lee.",
        "line 2: warning: shipped_at: the books say 2026-03-10 13:00:00 UTC, the file says nothing.",
        "orders.csv: 0 entered, 0 shipped, 2 unchanged, 1 with a warning.",
    ]
    order = Order.objects.get(reference="W-1")
    assert (order.plan.code, order.customer.email) == ("care-1y", "ann@example.com")


def test_a_shipment_is_taken_over_beside_what_is_not(run):
    run(HEAD + BEN)
    Order.objects.update(placed_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert run(HEAD + BEN.replace("DE,", "DE,2026-03-12").replace("care-2y", "care-1y")) == [
        "line 2: warning: plan: the books say 2-Year, the file says 1-Year.",
        "orders.csv: 0 entered, 1 shipped, 0 unchanged, 1 with a warning.",
    ]


def test_a_file_without_a_column_for_shipments_says_nothing_about_them(run):
    run(HEAD + ANN)
    short = HEAD.replace(",shipped_at", "") + ANN.replace(",2026-03-10T09:00", "")
    assert run(short) == ["orders.csv: 0 entered, 0 shipped, 1 unchanged."]


def test_a_drone_added_to_an_order_on_file_is_named(run):
    run(HEAD + ANN)
    assert run(HEAD + SECOND) == [
        "line 2: warning: reference: the books have this order with 0AXCSHOP0001; a line is added.",
        "orders.csv: 1 entered, 0 shipped, 0 unchanged, 1 with a warning.",
    ]


SECOND = "W-1,0AXCSHOP0003,mini-2,care-2y,Ann Lee,ann@example.com,US,\n"


def test_one_order_holds_several_drones(run):
    """A shop exports one row per item: the reference and the serial name the line (B9)."""
    assert run(HEAD + ANN + SECOND) == ["orders.csv: 2 entered, 1 shipped, 0 unchanged."]
    lines = Order.objects.filter(reference="W-1").order_by("drone__serial")
    assert [(line.drone.serial, line.plan.code) for line in lines] == [
        ("0AXCSHOP0001", "care-1y"),
        ("0AXCSHOP0003", "care-2y"),
    ]
    Order.objects.update(placed_at=datetime(2026, 3, 1, tzinfo=UTC))
    later = SECOND.replace("US,", "US,2026-03-11")
    assert run(HEAD + ANN + later) == ["orders.csv: 0 entered, 1 shipped, 1 unchanged."]
    shipped = Order.objects.get(drone__serial="0AXCSHOP0003")
    assert shipped.policy.drone == shipped.drone
    assert [event.kind for event in shipped.events.order_by("id")] == ["placed", "shipped"]


def test_a_cancelled_line_is_not_entered_again_by_a_file(run, now):
    """The shop sends its whole list again; only a person orders anew, on the page."""
    run(HEAD + BEN)
    orders.cancel(Order.objects.get(), reason="Not wanted", actor=DESK, now=now)
    assert run(HEAD + BEN) == [
        "line 2: warning: This order was cancelled on 2026-03-10; a file does not enter it again.",
        "orders.csv: 0 entered, 0 shipped, 1 unchanged, 1 with a warning.",
    ]
    assert run(HEAD + BEN.replace("DE,", "DE,2026-03-12"))[0] == (
        "line 2: This order has been cancelled."
    )
    again = orders.place(
        orders.Purchase(
            reference="W-2",
            serial="0AXCSHOP0002",
            drone_model=DroneModel.objects.get(slug="mini-2"),
            plan=Plan.objects.get(code="care-2y"),
            name="Ben Ng",
            email="ben@example.com",
            country="DE",
            placed_at=datetime(2026, 3, 1, tzinfo=UTC),
        ),
        actor=DESK,
        now=now,
    )
    # The line that stands is meant now.
    assert run(HEAD + BEN.replace("DE,", "DE,2026-03-12"))[-1] == (
        "orders.csv: 0 entered, 1 shipped, 0 unchanged."
    )
    again.refresh_from_db()
    assert again.policy is not None


def test_an_e_mail_that_grows_in_lower_case_is_refused(run):
    """PostgreSQL would refuse it with an error, SQLite would store more than the column holds."""
    grows = "a@" + ".".join(["İ" * 60] * 4) + ".com"
    assert run(HEAD + ANN.replace("ann@example.com", grows))[0] == (
        "line 2: email must be an address like name@example.com, of at most 254 characters."
    )


def test_a_domain_that_no_mail_server_can_have_is_named(run):
    assert run(HEAD + ANN.replace("ann@example.com", "ann@☕.example"))[0] == (
        "line 2: E-mail cannot go to “☕.example”. Please check the part after the @."
    )
    run(HEAD + ANN.replace("ann@example.com", "ann@xn--strae-oqa.example"))
    assert Order.objects.get().customer.email == "ann@straße.example"


def test_a_name_that_no_font_of_ours_has_is_refused_with_the_letters(run):
    lines = run(HEAD + ANN.replace("Ann Lee", "𠮷野 Ann 🚁") + BEN)
    assert lines == [
        "line 2: name has letters that we cannot print on labels and papers: 𠮷 🚁.",
        "error: orders.csv: 1 bad; nothing entered.",
    ]
    assert run(HEAD + ANN.replace("Ann Lee", "吉野 Ελένη Łukasz 김민준"))[-1].startswith(
        "orders.csv: 1 entered"
    )


def test_a_line_on_file_may_still_name_whom_nothing_prints(run):
    """The shop sends its whole list each time, and the name was taken before there was a rule."""
    run(HEAD + BEN)
    Customer.objects.update(name="𠮷野 Ben")
    Order.objects.update(placed_at=datetime(2026, 3, 1, tzinfo=UTC))
    again = BEN.replace("Ben Ng", "𠮷野 Ben").replace("DE,", "DE,2026-03-12")
    assert run(HEAD + again) == ["orders.csv: 0 entered, 1 shipped, 0 unchanged."]


def test_the_same_drone_sold_twice_in_one_file_is_told(run):
    lines = run(HEAD + ANN + ANN.replace("W-1", "W-2"))
    assert lines[0] == "line 3: The same serial number as in line 2."


def test_a_shipment_before_the_order_or_years_ahead_is_told(run):
    head = "placed_at," + HEAD
    early = "2026-03-11T09:00," + ANN
    far = ",W-2,0AXCSHOP0002,mini-2,care-2y,Ben Ng,ben@example.com,DE,2099-01-01\n"
    assert run(head + early + far)[:2] == [
        "line 2: A drone is not shipped before it is ordered.",
        "line 3: shipped_at is more than a year ahead.",
    ]


POLISH = "W-1,0AXCSHOP0001,mavic-2-pro,care-1y,Łukasz Żółć,b1@example.com,PL,\n"


def test_a_file_in_another_encoding_is_refused_and_says_how_it_would_read(run):
    [line] = run(HEAD + POLISH, written="cp1250")
    assert line == (
        "error: orders.csv: The file is not UTF-8. As Central European (Windows 1250) it would "
        "read: Łukasz Żółć. If that is right, use --encoding cp1250; else another of cp1252, "
        "cp1251, cp1253, cp1254, cp932, gb18030, cp950, cp949."
    )
    assert not Order.objects.exists()
    assert run(HEAD + POLISH, "--dry-run", written="cp1250") == [line]


@pytest.mark.parametrize("name", ["cp1250", "windows-1250"])
def test_a_file_is_read_in_the_encoding_that_is_named(run, name):
    assert run(HEAD + POLISH, "--encoding", name, written="cp1250") == [
        "orders.csv: 1 entered, 0 shipped, 0 unchanged."
    ]
    assert Order.objects.get().customer.name == "Łukasz Żółć"


def test_a_file_that_proves_its_encoding_is_read_in_that_one(run):
    assert run(HEAD + POLISH, "--encoding", "cp1250")[0] == (
        "orders.csv: 1 entered, 0 shipped, 0 unchanged."
    )
    assert Order.objects.get().customer.name == "Łukasz Żółć"


def test_an_encoding_that_nobody_knows_is_refused(run):
    [line] = run(HEAD + ANN, "--encoding", "morse")
    assert line.startswith("error: There is no encoding “morse”. Known are: utf-8, cp1252, ")


def test_a_cell_that_is_not_valid_in_the_encoding_is_refused(run):
    line = run(HEAD + POLISH, "--encoding", "cp932", written="cp1250")[0]
    assert line == "line 2: name cannot be read. Save the file as UTF-8."


@pytest.mark.parametrize(
    ("model", "plan", "country"),
    [
        ("Mavic 2 Pro", "1-Year", "United States of America"),
        ("MAVIC-2-PRO", "Care-1Y", "us"),
        ("mavic 2 pro", "1-year", "USA"),
    ],
)
def test_names_are_taken_as_our_pages_show_them(run, model, plan, country):
    row = f"W-1,0AXCSHOP0001,{model},{plan},Ann Lee,ann@example.com,{country},\n"
    assert run(HEAD + row) == ["orders.csv: 1 entered, 0 shipped, 0 unchanged."]
    order = Order.objects.get()
    assert (order.drone.drone_model.slug, order.plan.code) == ("mavic-2-pro", "care-1y")
    assert str(order.customer.country) == "US"


def test_a_country_that_nobody_knows_is_not_said_to_be_unserved(run):
    lines = run(HEAD + BEN.replace("DE", "Atlantis") + BEN.replace("DE", "Brazil"))
    assert lines[:2] == [
        "line 2: Please give the two-letter code of the country, such as DE.",
        "line 3: Care plans are not sold in this country.",
    ]


def test_what_a_spreadsheet_puts_around_a_text_is_dropped(run):
    row = (
        "\u200eW-1\u00a0,\u202a0AXCSHOP0001\u202c,mavic-2-pro\u200b,care-1y,Ann\u00a0Lee,"
        "\u2066ann@example.com\u2069,\ufeffUS,２０２６-03-10T09:00\n"
    )
    run(HEAD + row)
    order = Order.objects.get()
    assert (order.reference, order.customer.name) == ("W-1", "Ann Lee")
    assert order.shipped_at == datetime(2026, 3, 10, 13, 0, tzinfo=UTC)
    assert run(HEAD + ANN) == ["orders.csv: 0 entered, 0 shipped, 1 unchanged."]


def test_a_mark_inside_a_text_is_refused(run):
    assert run(HEAD + ANN.replace("Ann Lee", "Ann\u202eLee"))[0] == (
        "line 2: name has characters that cannot be printed."
    )


def test_a_title_above_the_headings_and_a_stated_separator_are_understood(run):
    text = (HEAD + ANN).replace(",", ";")
    assert run("sep=;\n" + text) == [
        "orders.csv: Headings in line 2.",
        "orders.csv: 1 entered, 1 shipped, 0 unchanged.",
    ]
    assert run("Orders of March, April, May\n\n" + text.replace("mavic-2-pro", "?"))[:2] == [
        "line 4: There is no model “?”. Give its name or slug, such as mavic-2-pro.",
        "orders.csv: Headings in line 3.",
    ]


def test_headings_are_taken_as_our_pages_write_them(run):
    head = "Order reference,Serial number,Model,Plan,Customer,E-mail,Country,Shipped\n"
    assert run(head + ANN) == ["orders.csv: 1 entered, 1 shipped, 0 unchanged."]


def test_b12_a_serial_number_that_looks_wrong_is_warned_of_and_taken(run, mavic_2_pro):
    stock = factories.DroneFactory(drone_model=mavic_2_pro)
    of_stock = ANN.replace("0AXCSHOP0001", stock.serial)
    newer = "W-8,1581F4QWB22,mavic-3,care-1y,Ann Lee,ann@example.com,US,\n"
    length = "Its fifth character, F, stands for a length of 15 after it; it has 6."
    assert run(HEAD + of_stock + ANN.replace("W-1", "W-9") + newer) == [
        "line 3: warning: 0AXCSHOP0001: "
        "No drone with it is on file, and others of its model are, unsold.",
        f"line 4: warning: 1581F4QWB22: {length}",
        "orders.csv: 3 entered, 2 shipped, 0 unchanged, 2 with a warning.",
    ]
    assert run(HEAD + newer) == ["orders.csv: 0 entered, 0 shipped, 1 unchanged."]
