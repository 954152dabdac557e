"""The rows of a new policy: the same from a code, from an order and from a file (P2, P4)."""

from datetime import UTC, datetime

import pytest

from policies import binding, issuing, orders
from policies.binding import Application
from policies.imports import order_rows
from policies.imports.order_rows import Entry
from policies.models import DroneModel, Order, Period, Policy
from policies.models.code import SoldTerms
from policies.shared.actor import Actor
from tests import factories

HOUSE = Actor.command("test")
AT = datetime(2026, 8, 31, 14, 0, tzinfo=UTC)  # ten in the morning in New York


def test_p2_p4_a_policy_runs_for_the_months_that_were_sold_on_the_region_s_clock(ann, care_1y, us):
    drone = factories.DroneFactory(life=2)
    frozen = factories.of_today(drone.drone_model)
    sold = SoldTerms(6, 5, warranty_months=1, binding_window_hours=24, cover_terms_id=frozen.pk)
    policy, period = issuing.new_policy(
        plan_id=care_1y.pk,
        region=us,
        drone=drone,
        holder_id=ann.pk,
        sold=sold,
        starts_at=AT,
        status=Policy.Status.ACTIVE,
        now=AT,
    )
    assert not Policy.objects.exists()
    policy.save()
    period.save()
    policy, period = Policy.objects.get(), Period.objects.get()
    assert (policy.plan, policy.region, policy.holder) == (care_1y, us, ann)
    assert (policy.drone, policy.drone_life, policy.status) == (drone, 2, "active")
    # The last of February, and ten in the morning is an hour later in UTC in winter.
    assert (policy.starts_at, policy.ends_at) == (AT, datetime(2027, 2, 28, 15, 0, tzinfo=UTC))
    assert (period.policy, period.number, period.plan, period.code) == (policy, 1, care_1y, None)
    assert (period.starts_at, period.ends_at) == (policy.starts_at, policy.ends_at)
    assert (period.months, period.replacements) == (6, 5)
    assert (period.warranty_months, period.binding_window_hours) == (1, 24)


# What is each policy's own, and what tells a code from an order.
OWN = {"id", "policy_id", "number", "drone_id", "code_id", "status"}


def columns(row: Policy | Period) -> dict:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: value for name, value in values.items() if name not in OWN}


@pytest.fixture
def order(ann, care_1y, us):
    def enter(reference: str) -> Order:
        return Order(
            reference=reference,
            customer=ann,
            drone=factories.DroneFactory(serial=f"0AXC{reference}"),
            plan=care_1y,
            region=us,
            months=care_1y.months,
            replacements=care_1y.replacements,
            warranty_months=care_1y.warranty_months,
            binding_window_hours=us.binding_window_hours,
            cover_terms=factories.of_today(DroneModel.objects.get(slug="mavic-2-pro")),
            placed_at=datetime(2026, 8, 29, 14, 0, tzinfo=UTC),
        )

    return enter


def test_a_code_an_order_and_a_file_make_the_same_policy(sold_code, ann, order):
    shipped_at = datetime(2026, 8, 29, 14, 0, tzinfo=UTC)  # two days before AT
    application = Application(
        serial="0AXCBYCODE1",
        name=ann.name,
        email=ann.email,
        country="US",
        drone_model=sold_code.batch.drone_model,
    )
    binding.bind_at_desk(sold_code, application, actor=HOUSE, now=AT)

    by_hand = order("BYHAND1")
    by_hand.save()
    orders.ship(by_hand, shipped_at=shipped_at, actor=HOUSE, now=AT)

    in_a_file = order("INAFILE1")
    in_a_file.save()
    sale = Entry(in_a_file, "", in_a_file.drone.drone_model, None, in_a_file.drone, shipped_at)
    order_rows.ship([sale], actor=HOUSE, now=AT)

    policies = list(Policy.objects.order_by("pk"))
    assert [policy.drone.serial for policy in policies] == [
        "0AXCBYCODE1", "0AXCBYHAND1", "0AXCINAFILE1"]  # fmt: skip
    assert [policy.status for policy in policies] == ["active", "scheduled", "scheduled"]
    first, *others = [columns(policy) for policy in policies]
    assert others == [first, first]
    first, *others = [columns(policy.periods.get()) for policy in policies]
    assert others == [first, first]
