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
