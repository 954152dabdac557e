"""The migrations on a database of their own: an empty file, or a new database on the server."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from tests import ROOT

OURS = ["policies", "claims"]
QUIET = "--verbosity=0"

# Runs each command (a list of arguments) and prints, after each, the names of all tables,
# triggers and functions that are there.
SCRIPT = """
import json, sys, django
django.setup()
from django.core.management import call_command
from django.db import connection
sql = {
    "sqlite": "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
    "postgresql": '''
        SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'
        UNION SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal
        UNION SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ''',
}
for command in json.loads(sys.argv[1]):
    call_command(*command)
    with connection.cursor() as cursor:
        cursor.execute(sql[connection.vendor])
        print("\\nNAMES " + json.dumps([name for name, in cursor.fetchall()]))
"""


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a single table."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    name = f"migrations_{uuid.uuid4().hex}"
    server = os.environ["DATABASE_URL"]
    main = server.partition("?")[0]
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield server.replace(main, main.rpartition("/")[0] + f"/{name}", 1)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(url: str, *commands: list[str]) -> tuple[str, list[set[str]]]:
    """What the commands printed, and the names in the database after each of them."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, json.dumps(commands)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = re.findall(r"^NAMES (.*)$", done.stdout, flags=re.MULTILINE)
    return done.stdout, [set(json.loads(line)) for line in names]


def tables_of(app: str) -> set[str]:
    return {model._meta.db_table for model in apps.get_app_config(app).get_models()}


def test_every_change_of_a_model_has_its_migration(db):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("app", OURS)
def test_the_migrations_of_an_app_stand_in_one_line(app):
    graph = MigrationLoader(None).graph
    [last] = graph.leaf_nodes(app)
    steps = [name for each, name in graph.nodes if each == app]
    parents = [parent for name in steps for parent in graph.node_map[app, name].parents]
    assert len([parent for parent in parents if parent[0] == app]) == len(steps) - 1
    assert (ROOT / app / "migrations" / "max_migration.txt").read_text().strip() == last[1]


def test_migrations_build_an_empty_database_and_a_second_run_does_nothing(empty_database):
    output, [first, second] = manage(empty_database, ["migrate"], ["migrate"])
    assert "Applying policies.0001_initial... OK" in output
    assert "No migrations to apply." in output
    assert tables_of("policies") | tables_of("claims") <= first
    assert second == first


@pytest.mark.parametrize("app", OURS)
def test_an_app_goes_back_to_zero_and_comes_again(empty_database, app):
    forwards, back = ["migrate", QUIET], ["migrate", app, "zero", QUIET]
    _, [full, without, again] = manage(empty_database, forwards, back, forwards)
    assert not tables_of(app) & without
    assert again == full


def test_nothing_of_ours_is_left_at_zero(empty_database):
    """Not a table, not a trigger, not a function."""
    forwards = [["migrate", "admin", QUIET], ["migrate", "sessions", QUIET], ["migrate", QUIET]]
    back = [["migrate", "claims", "zero", QUIET], ["migrate", "policies", "zero", QUIET]]
    _, [_, before, _, _, after] = manage(empty_database, *forwards, *back)
    assert after == before


# --- what was sold before there were sales (C7) ------------------------------

SOLD_BEFORE = """
import json, django
from datetime import UTC, datetime, timedelta
from uuid import uuid4
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def at(name):
    executor = MigrationExecutor(connection)
    executor.migrate([("policies", name)])
    apps = MigrationExecutor(connection).loader.project_state([("policies", name)]).apps
    return lambda model: apps.get_model("policies", model)


model = at("0017_frozen_terms")
JUNE, LATER = (datetime(2026, 6, day, 9, tzinfo=UTC) for day in (1, 2))
ann, ben = (
    model("Customer").objects.create(name=n, email=f"{n}@example.com", country="US", created_at=JUNE)
    for n in ("ann", "ben")
)
region = model("Region").objects.get(code="US")
mavic = model("DroneModel").objects.get(slug="mavic-2-pro")
one, two = (
    model("CodeBatch").objects.create(
        plan=model("Plan").objects.get(code=plan), drone_model=mavic, region=region,
        origin="generated", size=4, created_at=JUNE, actor="x",
    )
    for plan in ("care-1y", "care-2y")
)
terms = model("CoverTerms").objects.create(parts=[], exclusions=[], warranty_months=12, digest="x")
SOLD = {"months": 12, "replacements": 2, "warranty_months": 0, "binding_window_hours": 48,
        "cover_terms": terms}


def code(batch, buyer=None, reference="", when=None, **facts):
    sold = {**SOLD, "sold_to": buyer, "order_reference": reference, "sold_at": when,
            "state": "sold"} if buyer else {}
    row = model("ActivationCode").objects.create(
        batch=batch, digest=uuid4(), sealed=b"x", key_id="k", last_four="ABCD", **(sold | facts))
    if buyer:
        model("CodeEvent").objects.create(
            code=row, kind="sold", at=when, actor="clerk" + str(row.pk), data={}, note="")
    return row


code(one)
rows = [
    code(one, ann, "W-1", JUNE), code(two, ann, "W-1", JUNE), code(one, ann, "W-1", LATER),
    code(one, ben, "W-1", JUNE), code(one, ben, "", JUNE),
    code(one, ben, "", JUNE, state="void", void_reason="Stolen"),
]
for row in rows[0], rows[2]:
    model("Letter").objects.create(
        name="code_sold", recipient="ann@example.com", context={"code_ids": [row.pk]},
        dedupe_key=f"code_sold/{row.pk}", message_id=str(row.pk), created_at=JUNE,
        next_try_at=JUNE)

places = {row.pk: place for place, row in enumerate(rows)}

model = at("0022_sales")
sales = [
    [sale.buyer.name, sale.order_reference, sale.sold_at.day, sale.actor, sale.region.code,
     [places[code.pk] for code in sale.codes.order_by("id")],
     [letter.context["code_ids"][0] == rows[0].pk for letter in sale.letters.all()]]
    for sale in model("Sale").objects.order_by("id")
]
assert [sale[3] for sale in sales] == [f"clerk{rows[sale[5][0]].pk}" for sale in sales]
fresh = model("Sale").objects.create(buyer_id=ann.pk, region_id=region.pk, sold_at=LATER, actor="x")
assert fresh.pk > rows[4].pk
fresh.delete()

model = at("0017_frozen_terms")
again = [
    [code.sold_to and code.sold_to.name, code.order_reference, code.sold_at and code.sold_at.day]
    for code in model("ActivationCode").objects.order_by("id")
]
print("FOUND " + json.dumps([[sale[:3] + sale[4:] for sale in sales], again]))
"""


def test_codes_that_were_sold_together_become_one_sale_and_go_back(empty_database):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SOLD_BEFORE],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": empty_database},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [found] = re.findall(r"^FOUND (.*)$", done.stdout, flags=re.MULTILINE)
    sales, again = json.loads(found)
    assert sales == [
        ["ann", "W-1", 1, "US", [0, 1], [True]],
        ["ann", "W-1", 2, "US", [2], [False]],
        ["ben", "W-1", 1, "US", [3], []],
        ["ben", "", 1, "US", [4, 5], []],
    ]
    assert again == [
        [None, "", None],
        ["ann", "W-1", 1],
        ["ann", "W-1", 1],
        ["ann", "W-1", 2],
        ["ben", "W-1", 1],
        ["ben", "", 1],
        ["ben", "", 1],
    ]


# --- the links of customers (K12) ----------------------------------------------

# Before this step a link's token stood in its row and in each letter.
PLAIN_LINKS = [["migrate", "policies", "0017", QUIET], ["migrate", "claims", "0009", QUIET]]

BEFORE = """
import django
django.setup()
from datetime import UTC, datetime
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
at = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
steps = [("policies", "0017_frozen_terms"), ("claims", "0009_late_money")]
apps = MigrationExecutor(connection).loader.project_state(steps).apps
of = apps.get_model
plan = of("policies", "Plan").objects.get(code="care-1y")
region = of("policies", "Region").objects.get(code="US")
model = of("policies", "DroneModel").objects.get(slug="mavic-2-pro")
ann = of("policies", "Customer").objects.create(
    name="Ann Lee", email="ann@example.com", country="US", created_at=at)
terms = of("policies", "CoverTerms").objects.create(
    parts=["aircraft"], exclusions=[], warranty_months=12, digest="d" * 64)
for n in range(3):
    drone = of("policies", "Drone").objects.create(serial=f"0AXCTEST00000{n}", drone_model=model)
    policy = of("policies", "Policy").objects.create(
        number=f"POL-ABCD234{n}", token=f"P{n}".ljust(43, "x"), plan=plan, region=region,
        drone=drone, holder=ann, starts_at=at, ends_at=at.replace(year=2099), created_at=at)
    of("policies", "Period").objects.create(
        policy=policy, plan=plan, starts_at=at, ends_at=policy.ends_at, months=12,
        replacements=2, binding_window_hours=48, cover_terms=terms, created_at=at)
    claim = of("claims", "Claim").objects.create(
        number=f"CLM-ABCD234{n}", token=f"C{n}".ljust(43, "y"), policy=policy, drone=drone,
        name="Ann Lee", email="ann@example.com", cause="collision", happened_on=at.date(),
        description="A tree.", parts=["aircraft"], line1="1 Main Street", city="Albany",
        country="US", submitted_at=at, progress_at=at, waits_since=at, outcome="care")
    of("claims", "ClaimEvent").objects.create(
        claim=claim, kind="moved", at=at, after="submitted", actor="customer")
    facts = {"name": "Ann Lee", "number": policy.number, "serial": drone.serial, "plan": "1-Year",
        "drone_model": "Mavic 2 Pro", "time_zone": "America/New_York", "ends_at": at.isoformat()}
    letters = [
        ("policy_expired", policy.token, ""),
        ("policy_expired", "formerowner".ljust(43, "z"), ""),
        ("claim_completed", claim.token, claim.number),
    ]
    for number, (name, token, reference) in enumerate(letters):
        of("policies", "Letter").objects.create(
            name=name, recipient="ann@example.com", policy=policy, reference=reference,
            context=facts | {"number": reference or policy.number, "token": token},
            dedupe_key=f"{n}/{number}", message_id=f"<{n}.{number}@x>", state="sent", sent_at=at,
            created_at=at, next_try_at=at)
"""

AFTER = """
import json
import django
django.setup()
from django.db import connection
from django.test import Client
from policies import outbox
from policies.models import Letter
answers = {}
for n in range(3):
    for page in (f"/policy/{f'P{n}'.ljust(43, 'x')}/",
                 f"/repair/progress/{f'C{n}'.ljust(43, 'y')}/",
                 f"/policy/{'formerowner'.ljust(43, 'z')}/"):
        answers[page] = Client().get(page, secure=True).status_code
letters = [outbox.render(letter, whole=True).text for letter in Letter.objects.order_by("id")]
columns, dump = {}, []
with connection.cursor() as cursor:
    for table in connection.introspection.table_names(cursor):
        cursor.execute(f'SELECT * FROM "{table}"')
        columns[table] = [column[0] for column in cursor.description]
        dump += [str(bytes(value) if isinstance(value, memoryview) else value)
                 for row in cursor.fetchall() for value in row]
print("ANSWER " + json.dumps([answers, letters, columns, dump]))
"""


def python(url: str, script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        # In production pages need the static files collected.
        env={**os.environ, "DATABASE_URL": url, "DEBUG": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_k12_links_in_letters_of_the_release_before_open_and_the_database_forgets_them(
    empty_database,
):
    manage(empty_database, *PLAIN_LINKS)
    python(empty_database, BEFORE)
    manage(empty_database, ["migrate", QUIET])
    answer = python(empty_database, AFTER).partition("ANSWER ")[2]
    answers, letters, columns, dump = json.loads(answer)
    assert set(answers.values()) == {200, 404}
    for page, status in answers.items():
        assert status == (404 if "formerowner" in page else 200), page
    for n in range(3):
        mine, former, about_claim = letters[3 * n : 3 * n + 3]
        assert f"/policy/{f'P{n}'.ljust(43, 'x')}/" in mine
        assert "/policy/" not in former
        assert f"/repair/progress/{f'C{n}'.ljust(43, 'y')}/" in about_claim
    assert "token" not in columns["policies_policy"] + columns["claims_claim"]
    tokens = re.compile("x{41}|y{41}|z{32}")
    assert [value for value in dump if tokens.search(value)] == []


def test_k12_there_is_no_way_back_to_plain_links(empty_database):
    manage(empty_database, *PLAIN_LINKS)
    python(empty_database, BEFORE)
    manage(empty_database, ["migrate", QUIET])
    with pytest.raises(
        AssertionError, match="restore the backup that was taken before the upgrade"
    ):
        manage(empty_database, *PLAIN_LINKS[::-1])
