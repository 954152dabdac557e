"""Rows for tests. Regions, models, plans and fees are those that the migrations seeded."""

import secrets
from datetime import UTC, datetime, timedelta

import factory
import zeal
from django.contrib.auth import get_user_model
from factory.django import DjangoModelFactory

from policies import codes, freezing, sealing
from policies.models import (
    ActivationCode,
    AllowanceUse,
    BindingPermit,
    CodeBatch,
    CodeEvent,
    CoverTerms,
    Customer,
    Drone,
    DroneModel,
    Import,
    Letter,
    Link,
    Period,
    Plan,
    Policy,
    PolicyEvent,
    Region,
    Sale,
)
from policies.rules.code_format import grouped

LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def seeded(model, **which):
    """A row of the catalogue, looked up when the factory needs it."""

    def look_up():
        # One look-up for each row made is a test's business, not a page that asks too often.
        with zeal.zeal_ignore():
            return model.objects.get(**which)

    return factory.LazyFunction(look_up)


def of_today(drone_model: DroneModel) -> CoverTerms:
    with zeal.zeal_ignore():
        return freezing.cover_terms_of_today(drone_model)


def whole(code: ActivationCode) -> str:
    """The code as its buyer reads it, in groups of four."""
    return grouped(sealing.unseal(code.digest, code.sealed, code.key_id))


def codes_of(sale: Sale) -> list[ActivationCode]:
    """The codes of a sale, as they were taken from stock."""
    goods = ("batch__plan__renews", "batch__drone_model", "batch__region")
    return list(sale.codes.select_related(*goods).order_by("batch_id", "id"))


class UserFactory(DjangoModelFactory):
    class Meta:
        model = get_user_model()

    username = factory.Sequence(lambda n: f"clerk{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@skyline.example")
    is_staff = True


class CustomerFactory(DjangoModelFactory):
    class Meta:
        model = Customer

    name = factory.Sequence(lambda n: f"Customer {n}")
    email = factory.Sequence(lambda n: f"customer{n}@example.com")
    country = "US"
    created_at = LONG_AGO


class CodeBatchFactory(DjangoModelFactory):
    class Meta:
        model = CodeBatch

    plan = seeded(Plan, code="care-1y")
    drone_model = seeded(DroneModel, slug="mavic-2-pro")
    region = seeded(Region, code="US")
    origin = CodeBatch.Origin.GENERATED
    size = 1
    created_at = LONG_AGO
    actor = "generate_codes"


class SaleFactory(DjangoModelFactory):
    class Meta:
        model = Sale

    buyer = factory.SubFactory(CustomerFactory)
    region = seeded(Region, code="US")
    order_reference = factory.Sequence(lambda n: f"SO-{n}")
    sold_at = LONG_AGO
    actor = "clerk"


class ActivationCodeFactory(DjangoModelFactory):
    """In stock, unless `sold=True` or `void=True`; `sale__buyer` and the like make its sale."""

    class Meta:
        model = ActivationCode

    class Params:
        seal = factory.LazyFunction(lambda: sealing.seal(next(codes.new_codes(1))))
        sold = factory.Trait(
            state=ActivationCode.State.SOLD,
            sale=factory.SubFactory(SaleFactory, region=factory.SelfAttribute("..batch.region")),
            months=factory.SelfAttribute("batch.plan.months"),
            replacements=factory.SelfAttribute("batch.plan.replacements"),
            warranty_months=factory.SelfAttribute("batch.plan.warranty_months"),
            binding_window_hours=factory.SelfAttribute("batch.region.binding_window_hours"),
            cover_terms=factory.LazyAttribute(lambda code: of_today(code.batch.drone_model)),
        )
        void = factory.Trait(state=ActivationCode.State.VOID, void_reason="Printed twice")

    batch = factory.SubFactory(CodeBatchFactory)
    digest = factory.SelfAttribute("seal.digest")
    sealed = factory.SelfAttribute("seal.sealed")
    key_id = factory.SelfAttribute("seal.key_id")
    last_four = factory.LazyAttribute(
        lambda code: sealing.unseal(code.digest, code.sealed, code.key_id)[-4:]
    )


class CodeEventFactory(DjangoModelFactory):
    class Meta:
        model = CodeEvent

    code = factory.SubFactory(ActivationCodeFactory, sold=True)
    kind = CodeEvent.Kind.SOLD
    at = LONG_AGO
    actor = "clerk"


class DroneFactory(DjangoModelFactory):
    """Never activated, unless `activated_at` is given: then the dealer knows it."""

    class Meta:
        model = Drone

    serial = factory.Sequence(lambda n: f"0AXCTEST{n:06d}")
    drone_model = seeded(DroneModel, slug="mavic-2-pro")
    activated_at = None
    activation_source = factory.LazyAttribute(lambda drone: "dealer" if drone.activated_at else "")


class PolicyFactory(DjangoModelFactory):
    """A running 1-Year policy with period and link, from 5 January 2026 on; `period=None` for none."""

    class Meta:
        model = Policy
        skip_postgeneration_save = True

    plan = seeded(Plan, code="care-1y")
    region = seeded(Region, code="US")
    drone = factory.SubFactory(DroneFactory)
    drone_life = factory.SelfAttribute("drone.life")
    holder = factory.SubFactory(CustomerFactory)
    starts_at = LONG_AGO
    ends_at = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
    created_at = LONG_AGO
    period = factory.RelatedFactory("tests.factories.PeriodFactory", factory_related_name="policy")
    link = factory.RelatedFactory("tests.factories.LinkFactory", factory_related_name="policy")


class LinkFactory(DjangoModelFactory):
    """To the page of its policy, or of the claim that `reference` names."""

    class Meta:
        model = Link

    class Params:
        seal = factory.LazyFunction(lambda: sealing.seal(secrets.token_urlsafe(32), kind="link"))

    policy = factory.SubFactory("tests.factories.PolicyFactory", link=None)
    digest = factory.SelfAttribute("seal.digest")
    sealed = factory.SelfAttribute("seal.sealed")
    key_id = factory.SelfAttribute("seal.key_id")
    made_at = LONG_AGO


class PeriodFactory(DjangoModelFactory):
    class Meta:
        model = Period

    policy = factory.SubFactory(PolicyFactory, period=None)
    plan = factory.SelfAttribute("policy.plan")
    starts_at = factory.SelfAttribute("policy.starts_at")
    ends_at = factory.SelfAttribute("policy.ends_at")
    months = factory.SelfAttribute("plan.months")
    replacements = factory.SelfAttribute("plan.replacements")
    warranty_months = factory.SelfAttribute("plan.warranty_months")
    binding_window_hours = 48
    cover_terms = factory.LazyAttribute(lambda period: of_today(period.policy.drone.drone_model))
    created_at = LONG_AGO


class PolicyEventFactory(DjangoModelFactory):
    class Meta:
        model = PolicyEvent

    policy = factory.SubFactory(PolicyFactory)
    kind = PolicyEvent.Kind.BOUND
    at = LONG_AGO
    actor = "customer"


class AllowanceUseFactory(DjangoModelFactory):
    class Meta:
        model = AllowanceUse

    policy = factory.SubFactory(PolicyFactory)
    ordinal = 1
    reference = factory.Sequence(lambda n: f"CLM-TEST{n:04d}")
    taken_at = LONG_AGO


class BindingPermitFactory(DjangoModelFactory):
    class Meta:
        model = BindingPermit

    drone = factory.SubFactory(DroneFactory)
    reason = BindingPermit.Reason.VERIFICATION
    opened_at = LONG_AGO
    deadline_at = factory.LazyAttribute(lambda permit: permit.opened_at + timedelta(hours=72))


class LetterFactory(DjangoModelFactory):
    """A waiting letter with the link to a policy page."""

    class Meta:
        model = Letter

    name = "link_requested"
    recipient = "ann@example.com"
    context = factory.LazyFunction(
        lambda: {
            "name": "Ann Lee",
            "serial": "0AXCTEST000001",
            "drone_model": "Mavic 2 Pro",
            "number": "POL-ABCD2345",
            "plan": "1-Year",
            "covered": True,
            "objections": [],
            "starts_at": "2026-01-05T09:00:00+00:00",
            "ends_at": "2027-01-05T09:00:00+00:00",
            "time_zone": "America/New_York",
            "left": 2,
            "granted": 2,
            "offer": "Refresh +",
            "link": LinkFactory().pk,
        }
    )
    dedupe_key = factory.Sequence(lambda n: f"test/{n}")
    message_id = factory.Sequence(lambda n: f"<test{n}@skyline.example>")
    created_at = LONG_AGO
    next_try_at = LONG_AGO


class ImportFactory(DjangoModelFactory):
    """A list of drones, checked and waiting to be confirmed; its file is not there."""

    class Meta:
        model = Import

    kind = Import.Kind.DRONES
    state = Import.State.CHECKED
    stored_as = factory.Sequence(lambda n: f"imports/{n}")
    file_name = "drones.csv"
    file_size = 1_000
    digest = factory.Sequence(lambda n: f"{n:064x}")
    rows = 1
    new = 1
    fingerprint = "0" * 32
    uploaded_at = LONG_AGO
