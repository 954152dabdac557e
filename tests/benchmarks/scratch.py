import contextlib
import os
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit, urlunsplit

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction

from policies.shared.database import drop_append_only_triggers


@contextlib.contextmanager
def scratch_database() -> Iterator[str]:
    """A migrated database of our own beside the one of DATABASE_URL; dropped at the end.

    Child processes find it under the same variable.
    """
    given = connection.settings_dict["NAME"]
    name = f"test_bench_{os.getpid()}"
    if connection.vendor == "sqlite":
        # Below var/, on the disk that a real one would be on.
        name = str(settings.VAR_DIR / f"{name}.sqlite3")
        url = f"sqlite:///{name}"
    else:
        url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    connection.settings_dict["TEST"] = {**connection.settings_dict["TEST"], "NAME": name}
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    os.environ["DATABASE_URL"] = url
    try:
        yield name
    finally:
        connection.creation.destroy_test_db(given, verbosity=0)


def empty(*tables: str) -> None:
    """Empties tables and whatever points at them."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
            return
        # In one transaction, at whose end SQLite looks at what points where.
        with transaction.atomic():
            drop_append_only_triggers(connection)
            for table in with_those_that_point_at_them(tables):
                cursor.execute(f"DELETE FROM {table}")


def with_those_that_point_at_them(tables: Iterable[str]) -> list[str]:
    found = list(tables)
    for table in found:  # grows on the way
        for field in (field for model in apps.get_models() for field in model._meta.local_fields):
            target = field.related_model._meta.db_table if field.is_relation else ""
            if target == table and field.model._meta.db_table not in found:
                found.append(field.model._meta.db_table)
    return found


def analyse() -> None:
    """Lets the planner know what is there, as autovacuum would in a while."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
        else:
            cursor.execute("ANALYZE")
