"""A renewal beside a change of owner: the lock decides whose policy it is (R1, T2)."""

import time
from threading import Thread

import pytest
from django.db import connection, transaction

from policies import binding, transfer
from policies.models import Period, Plan
from tests import factories


@pytest.fixture
def policy(ann):
    return factories.PolicyFactory(drone=factories.DroneFactory(serial="0ANNSDRONE1"), holder=ann)


@pytest.fixture
def enter_code(policy, visitor, now):
    """Ann enters a code for Refresh + in another process, and what came of it is kept."""
    batch = factories.CodeBatchFactory(plan=Plan.objects.get(code="refresh-plus"))
    text = factories.whole(factories.ActivationCodeFactory(batch=batch, sold=True))
    application = binding.Application(
        serial="0ANNSDRONE1", name="Ann Lee", email="ann@example.com", country="US"
    )

    def enter(said: list[object]) -> None:
        try:
            said.append(binding.bind_by_code(text, application, actor=visitor, now=now))
        except Exception as error:  # noqa: BLE001 — the test looks at it
            said.append(error)
        finally:
            connection.close()

    return enter


def wait_until_somebody_waits() -> None:
    """On PostgreSQL for the row; on SQLite a transaction waits before its first look."""
    if connection.vendor == "sqlite":
        time.sleep(0.2)
        return
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    for _look in range(500):
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone() != (0,):
                return
        time.sleep(0.01)
    raise AssertionError("nobody came")


def test_t2_the_former_owner_renews_nothing_that_was_found_before_it_was_locked(
    policy, enter_code, visitor, now
):
    said: list[object] = []
    ann = Thread(target=enter_code, args=(said,))
    with transaction.atomic():
        transfer.change_owner(
            policy, name="Cy Roe", email="cy@example.com", country="US", actor=visitor, now=now
        )
        ann.start()
        wait_until_somebody_waits()
    ann.join(30)
    assert "we find none for this serial number and e-mail" in str(said[0])
    assert Period.objects.filter(policy=policy).count() == 1
