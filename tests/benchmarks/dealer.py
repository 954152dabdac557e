"""A dealer with as many policies as one likes, written as plain rows: no model is made."""

import os
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from policies import codes, freezing, sealing
from policies.models import (
    ActivationCode,
    CodeBatch,
    CodeEvent,
    Customer,
    Drone,
    DroneModel,
    Letter,
    Link,
    Period,
    Plan,
    Policy,
    PolicyEvent,
    Region,
    Sale,
)
from policies.rules.reference_numbers import ALPHABET
from policies.shared.database import insert_many
from tests.benchmarks.codes import code_batch
from tests.benchmarks.scratch import analyse, empty

BATCH = 10_000
IN_STOCK = 0.2  # beside each sold code
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Facts:
    """One policy of the middle, as staff would look for it, and how many there are."""

    user: User
    policies: int
    number: str
    token: str
    serial: str
    email: str
    name: str
    order_reference: str
    code: str


def build(policies: int) -> Facts:
    facts = Facts(
        user=User.objects.create_superuser("benchmark"),
        policies=policies,
        number="POL-BENCHMRK",
        token=secrets.token_urlsafe(32),
        serial="1581FBENCHMARK",
        email="benchmark@example.com",
        name="Bea Benchmark",
        order_reference="W-BENCHMARK",
        code=next(codes.new_codes(1)),
    )
    empty("policies_activationcode", "policies_codebatch")
    with transaction.atomic():
        trust_us()
        Rows(facts).insert()
    analyse()
    return facts


def trust_us() -> None:
    """Foreign keys are not looked up row by row: they are right by construction."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            if cursor.fetchone() == (True,):
                cursor.execute("SET LOCAL session_replication_role = replica")


class Rows:
    """Row number n of every table belongs to policy n."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.count = facts.policies
        self.special = self.count // 2
        self.random = random.Random(7)
        self.now = timezone.now()
        self.models = list(DroneModel.objects.values_list("pk", flat=True))
        self.regions = list(Region.objects.values_list("pk", flat=True))
        self.plan = Plan.objects.get(code="care-1y").pk
        self.frozen = freezing.cover_terms_of_today(DroneModel.objects.all()[0]).pk
        sealed = sealing.seal(next(codes.new_codes(1)))
        self.key_id, self.sealed_bytes = sealed.key_id, len(sealed.sealed)
        self.ids: dict[type, int] = {}

    def insert(self) -> None:
        self.put(Customer, "name email phone country created_at", self.customers())
        drone = "serial drone_model_id activated_at activation_source life retired_at"
        self.put(Drone, drone, self.drones())
        batches = [code_batch(BATCH) for _ in range(self.count // BATCH + 1)]
        self.batches = [batch.pk for batch in CodeBatch.objects.bulk_create(batches)]
        self.put(Sale, "buyer_id region_id order_reference sold_at actor", self.sales())
        sold = "sale_id months replacements warranty_months binding_window_hours cover_terms_id"
        self.put(ActivationCode, f"{' '.join(codes.STOCK_COLUMNS)} {sold}", self.codes())
        policy = "number plan_id region_id drone_id drone_life holder_id status"
        self.put(Policy, f"{policy} starts_at ends_at cancel_reason created_at", self.policies())
        period = "policy_id number plan_id code_id starts_at ends_at months replacements"
        self.put(
            Period,
            f"{period} warranty_months binding_window_hours cover_terms_id created_at",
            self.periods(),
        )
        self.put(Link, "policy_id reference digest sealed key_id made_at", self.links())
        event = "kind at actor note data"
        self.put(PolicyEvent, f"policy_id {event}", self.policy_events())
        self.put(CodeEvent, f"code_id {event}", self.code_events())
        letter = "name recipient language policy_id reference context dedupe_key message_id state"
        self.put(
            Letter, f"{letter} attempts created_at next_try_at sent_at last_error", self.letters()
        )

    def put(self, model: type, columns: str, rows: Iterator[tuple[Any, ...]]) -> None:
        inserted = insert_many(model, columns.split(), rows)
        newest = model._default_manager.order_by("-pk").values_list("pk", flat=True)[0]
        # What the rows of this table are numbered from, for those that point at them.
        self.ids[model] = newest - inserted + 1

    def starts_at(self, n: int) -> datetime:
        # The newest policy is the newest row; the oldest began three years ago.
        return self.now - 3 * YEAR * (1 - n / self.count)

    def ends_at(self, n: int) -> datetime:
        return self.starts_at(n) + YEAR

    def stored(self, instant: datetime) -> Any:
        """As Django stores an instant."""
        return connection.ops.adapt_datetimefield_value(instant.astimezone(UTC))

    def numbers(self) -> range:
        return range(self.count)

    def customers(self) -> Iterator[tuple[Any, ...]]:
        at = self.stored(self.now)
        for n in self.numbers():
            if n == self.special:
                yield self.facts.name, self.facts.email, "", "US", at
            else:
                yield f"Customer {n}", f"customer{n}@example.com", "+1 555 0100", "US", at

    def drones(self) -> Iterator[tuple[Any, ...]]:
        for n in self.numbers():
            serial = self.facts.serial if n == self.special else f"1581F{n:09d}"
            activated = self.stored(self.starts_at(n) - timedelta(hours=5))
            yield serial, self.random.choice(self.models), activated, "dealer", 1, None

    def sales(self) -> Iterator[tuple[Any, ...]]:
        for n in self.numbers():
            order = self.facts.order_reference if n == self.special else f"W-{n:07d}"
            at = self.stored(self.starts_at(n) - timedelta(hours=9))
            yield self.ids[Customer] + n, self.regions[0], order, at, "sales"

    def codes(self) -> Iterator[tuple[Any, ...]]:
        in_stock = int(self.count * IN_STOCK)
        for n in range(self.count + in_stock):
            batch = self.batches[min(n // BATCH, len(self.batches) - 1)]
            if n == self.special:
                kept = (*sealing.seal(self.facts.code), self.facts.code[-4:])
            else:
                tail = "".join(self.random.choices(ALPHABET, k=4))
                digest = UUID(int=self.random.getrandbits(128))
                kept = (digest, os.urandom(self.sealed_bytes), self.key_id, tail)
            if n >= self.count:
                yield batch, *kept, "in_stock", "", *[None] * 6
            else:
                yield batch, *kept, "sold", "", self.ids[Sale] + n, 12, 2, 0, 48, self.frozen

    def policies(self) -> Iterator[tuple[Any, ...]]:
        for n in self.numbers():
            number = self.facts.number if n == self.special else f"POL-{n:08d}"
            drone, holder = self.ids[Drone] + n, self.ids[Customer] + n
            status = "active" if self.ends_at(n) > self.now else "expired"
            starts, ends = self.stored(self.starts_at(n)), self.stored(self.ends_at(n))
            region = self.random.choice(self.regions)
            yield (
                *(number, self.plan, region, drone, 1, holder, status),
                *(starts, ends, "", starts),
            )

    def links(self) -> Iterator[tuple[Any, ...]]:
        for n in self.numbers():
            sealed = sealing.seal(
                self.facts.token if n == self.special else f"{n:043d}", kind="link"
            )
            yield self.ids[Policy] + n, "", *sealed, self.stored(self.starts_at(n))

    def periods(self) -> Iterator[tuple[Any, ...]]:
        for n in self.numbers():
            starts, ends = self.stored(self.starts_at(n)), self.stored(self.ends_at(n))
            policy, code = self.ids[Policy] + n, self.ids[ActivationCode] + n
            yield policy, 1, self.plan, code, starts, ends, 12, 2, 0, 48, self.frozen, starts

    def policy_events(self) -> Iterator[tuple[Any, ...]]:
        for n in self.numbers():
            at = self.stored(self.starts_at(n))
            yield self.ids[Policy] + n, "bound", at, "customer", "", "{}"

    def code_events(self) -> Iterator[tuple[Any, ...]]:
        for n in self.numbers():
            at = self.stored(self.starts_at(n))
            for kind in ("sold", "redeemed"):
                yield self.ids[ActivationCode] + n, kind, at, "sales", "", "{}"

    def letters(self) -> Iterator[tuple[Any, ...]]:
        for n in self.numbers():
            email = self.facts.email if n == self.special else f"customer{n}@example.com"
            at = self.stored(self.starts_at(n))
            about = [("code_sold", None, f"W-{n:07d}"), ("policy_bound", self.ids[Policy] + n, "")]
            for name, policy, reference in about:
                key = f"{name}/{n}"
                yield (
                    *(name, email, "en", policy, reference, "{}", key, f"<{key}@example.com>"),
                    *("sent", 1, at, at, at, ""),
                )
