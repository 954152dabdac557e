"""The cast: a dealer in the United States, her customer Ann, and a code that Ann bought."""

from datetime import UTC, datetime

import pytest

from policies.models import DroneModel, Plan, Region
from policies.shared.actor import Actor
from tests import factories


@pytest.fixture(autouse=True)
def no_query_per_row() -> None:
    """Tests of verbs call one verb several times, which looks like a query per row and isn't.

    Where the number of queries matters, these tests count them.
    """


@pytest.fixture
def now() -> datetime:
    """Tuesday, 10 March 2026, eleven in the morning in New York (summer time since Sunday)."""
    return datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


@pytest.fixture
def mavic_2_pro(db):
    return DroneModel.objects.get(slug="mavic-2-pro")


@pytest.fixture
def mavic_air(db):
    return DroneModel.objects.get(slug="mavic-air")


@pytest.fixture
def us(db):
    return Region.objects.get(code="US")


@pytest.fixture
def eu(db):
    return Region.objects.get(code="EU")


@pytest.fixture
def care_1y(db):
    return Plan.objects.get(code="care-1y")


@pytest.fixture
def care_2y(db):
    return Plan.objects.get(code="care-2y")


@pytest.fixture
def refresh_plus(db):
    return Plan.objects.get(code="refresh-plus")


@pytest.fixture
def ann(db):
    return factories.CustomerFactory(name="Ann Lee", email="ann@example.com")


@pytest.fixture
def clerk(db):
    return factories.UserFactory(username="clerk")


@pytest.fixture
def desk(clerk) -> Actor:
    """The clerk at the sales desk."""
    return Actor.staff(clerk, address="192.0.2.10")


@pytest.fixture
def visitor() -> Actor:
    """Somebody on the public pages."""
    return Actor.customer(address="198.51.100.7")


@pytest.fixture
def code_in_stock(db):
    return factories.ActivationCodeFactory()


@pytest.fixture
def sold_code(ann):
    """A 1-Year code for a Mavic 2 Pro in the United States, sold to Ann."""
    return factories.ActivationCodeFactory(
        sold=True, sale__buyer=ann, sale__order_reference="SO-1001"
    )


@pytest.fixture
def shelf(care_1y, mavic_2_pro, us, desk, now):
    """What a batch or a sale is of, and who does it when."""
    return {
        "plan": care_1y,
        "drone_model": mavic_2_pro,
        "region": us,
        "actor": desk,
        "now": now,
    }
