import os
import sqlite3
from collections.abc import Iterator

import pytest
import zeal
from django.conf import settings
from django.db import connection, transaction
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from zeal.constants import initialize_app_registry
from zeal.patch import patch as make_zeal_watch_the_orm

from policies.shared.database import create_append_only_triggers, drop_append_only_triggers
from tests import postgres

# --- settings that make tests fast, and let them speak plain HTTP ------------

settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
settings.STORAGES = {
    **settings.STORAGES,
    # The manifest storage would want a collectstatic of several seconds.
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
settings.SECURE_SSL_REDIRECT = False
settings.SESSION_COOKIE_SECURE = False
settings.CSRF_COOKIE_SECURE = False

# No deadline: a slow machine is not a wrong answer. In CI the examples are the same each time.
hypothesis_settings.register_profile(
    "suite",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("suite")


# --- a page that asks the database once per row fails its test ---------------

initialize_app_registry()
make_zeal_watch_the_orm()


@pytest.fixture(autouse=True)
def no_query_per_row() -> Iterator[None]:
    with zeal.zeal_context():
        yield


# --- files -------------------------------------------------------------------


@pytest.fixture(autouse=True)
def media_in_a_temporary_folder(tmp_path_factory: pytest.TempPathFactory, settings) -> None:
    settings.MEDIA_ROOT = tmp_path_factory.getbasetemp() / "media"


# --- tests with real commits -------------------------------------------------

# What the migrations put into each table: catalogue, groups, permissions.
rows_of_migrations: dict[str, list[tuple]] = {}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> None:
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True):
            rows_of_migrations[table] = all_rows(cursor, table)


def all_rows(cursor, table: str) -> list[tuple]:
    cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
    return [tuple(row) for row in cursor.fetchall()]


def put_rows_back(test_case: TransactionTestCase) -> None:
    """Replaces Django's clean-up after a test that committed.

    Django flushes every table and leaves them empty. Here the triggers of the history
    tables would refuse that on SQLite (a flush is a DELETE there), and the tests that
    follow need the rows of the data migrations. Most tables didn't change, so this is
    ten times faster, too.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        drop_append_only_triggers(connection)
        for table, rows in rows_of_migrations.items():
            if all_rows(cursor, table) != rows:
                cursor.execute(f'DELETE FROM "{table}"')
                insert(cursor, table, rows)
        create_append_only_triggers(connection)


def insert(cursor, table: str, rows: list[tuple]) -> None:
    if rows:
        places = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f'INSERT INTO "{table}" VALUES ({places})', rows)


# Here rather than in a fixture, so that it holds for whatever makes a test transactional:
# `committed_db`, `live_server`, `@pytest.mark.django_db(transaction=True)`.
TransactionTestCase._fixture_teardown = put_rows_back


@pytest.fixture
def committed_db(transactional_db: None) -> None:
    """A database in which commits are real: for threads, locks and `on_commit`.

    Slower than `db`: nothing is rolled back, the rows are put back afterwards. A thread of
    a test must close its own connection (`connection.close()`) before it ends.
    """


# --- which database was it? --------------------------------------------------


def database_in_words() -> str:
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    return f"PostgreSQL {postgres.version(os.environ['DATABASE_URL'])}"


def pytest_report_header() -> str:
    return f"database: {database_in_words()}"


def pytest_terminal_summary(terminalreporter) -> None:
    terminalreporter.section(f"this run used {database_in_words()}", sep="=", bold=True)
    if connection.vendor == "sqlite":
        terminalreporter.write_line(
            "PostgreSQL was NOT tested by this run (`make test` runs the suite on both).",
            yellow=True,
            bold=True,
        )
