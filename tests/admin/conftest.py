"""The staff: one person of each role, and a browser for each."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client

from policies.models import Policy, Region
from policies.shared import roles
from policies.shared.actor import Actor
from tests import factories
from tests.claims.conftest import House, PaperCarrier

NOON = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_query_per_row(settings) -> None:
    """Watches each request for itself: a test makes many, and sets its scene row by row."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "zeal.middleware.zeal_middleware"]


@pytest.fixture(autouse=True)
def noon():
    """The admin reads the clock; here it always shows 10 March 2026, noon in New York."""
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def employ(db) -> Callable[[str], Client]:
    """Logs a member of a role in, and returns their browser."""

    def hire(role: str) -> Client:
        user = User.objects.create_user(role.lower(), password="x", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        return client

    return hire


@pytest.fixture
def sales(employ) -> Client:
    return employ(roles.SALES)


@pytest.fixture
def manager(employ) -> Client:
    return employ(roles.MANAGER)


@pytest.fixture
def claims_desk(employ) -> Client:
    return employ(roles.CLAIMS)


@pytest.fixture
def auditor(employ) -> Client:
    return employ(roles.AUDITOR)


@pytest.fixture
def us(db) -> Region:
    return Region.objects.get(code="US")


@pytest.fixture
def policy(db) -> Policy:
    ann = factories.CustomerFactory(name="Ann Lee", email="ann@example.com")
    drone = factories.DroneFactory(serial="0ANNSDRONE1")
    return factories.PolicyFactory(drone=drone, holder=ann)


@pytest.fixture
def house() -> House:
    house = House(NOON)
    house.carrier = PaperCarrier()
    return house


@pytest.fixture
def clerk(db) -> Actor:
    return Actor.command("clerk")
