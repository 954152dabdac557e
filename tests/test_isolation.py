"""What a test that really commits leaves behind: nothing."""

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.test import TransactionTestCase

from policies.models import Letter, Region
from tests.config.test_health import letter

TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY 1",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
}


def triggers() -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS[connection.vendor])
        return cursor.fetchall()


def test_rows_and_triggers_are_back_after_a_test_that_committed(committed_db):
    names = list(Region.objects.order_by("pk").values_list("name", flat=True))
    before = triggers()
    assert names
    assert before

    letter(due_minutes_ago=1)
    Region.objects.update(name="changed")
    Group.objects.all().delete()
    TransactionTestCase._fixture_teardown(None)

    assert not Letter.objects.exists()
    assert list(Region.objects.order_by("pk").values_list("name", flat=True)) == names
    assert Group.objects.exists()
    assert triggers() == before


def test_a_commit_in_committed_db_is_real(committed_db):
    done = []
    with transaction.atomic():
        transaction.on_commit(lambda: done.append("committed"))
    assert done == ["committed"]


def test_constraints_are_checked_in_a_rolled_back_test_too(db):
    letter(due_minutes_ago=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        letter(due_minutes_ago=1)
