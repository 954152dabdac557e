"""A buyer with a code, and a customer's browser."""

from datetime import UTC, datetime, timedelta

import pytest
import zeal
from django.test import Client
from django.utils import timezone

from policies import binding, codes, customers, sales
from policies.models import DroneModel, Plan, Policy, Region
from policies.shared.actor import Actor

DESK = Actor.command("test desk")


class Browser(Client):
    """A test client to which every request is a page of its own: two visits are no N+1."""

    def request(self, **request):
        with zeal.zeal_context():
            return super().request(**request)


@pytest.fixture
def client() -> Browser:
    return Browser()


@pytest.fixture
def sell(db):
    """Sells a code and returns it whole, as it stands in the buyer's letter."""

    @zeal.zeal_ignore()
    def sell(*, plan: str = "care-1y", model: str = "mavic-2-pro", region: str = "US") -> str:
        sold_at = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        whole: list[str] = []
        goods = {
            "plan": Plan.objects.get(code=plan),
            "drone_model": DroneModel.objects.get(slug=model),
            "region": Region.objects.get(code=region),
        }
        codes.generate(**goods, count=1, actor=DESK, now=sold_at, keep=whole.append)
        buyer = customers.known(name="Ada", email="ada@example.com", country="US", now=sold_at)
        sales.sell_from_stock(
            **goods, quantity=1, to=buyer, order_reference="SO-1", actor=DESK, now=sold_at
        )
        return whole[0]

    return sell


@pytest.fixture
def code(sell) -> str:
    return sell()


@pytest.fixture
def filled_in(code: str) -> dict[str, str]:
    """A form that activates a code for a drone that is new to us and not yet activated."""
    return {
        "code": code,
        "serial": "08QCE3D0",
        "model": "mavic-2-pro",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "phone": "+1 555 0100",
        "country": "US",
        "activated_at": "",
        "accept_terms": "on",
    }


@pytest.fixture
def bound(code: str) -> Policy:
    """Ada's policy on serial 08QCE3D0, bound 10 days ago for a year, with 2 replacements."""
    ten_days_ago = timezone.now() - timedelta(days=10)
    application = binding.Application(
        serial="08QCE3D0",
        name="Ada Lovelace",
        email="ada@example.com",
        country="US",
        phone="+1 555 0100",
        drone_model=DroneModel.objects.get(slug="mavic-2-pro"),
    )
    with zeal.zeal_ignore():
        return binding.bind_by_code(code, application, actor=DESK, now=ten_days_ago)
