"""Customers: who is the same person, and what may be changed about one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db.models import Value
from django.db.models.functions import Lower

from policies.models import Customer
from policies.shared.database import in_small_letters, update_many


def known(*, name: str, email: str, country: str, phone: str = "", now: datetime) -> Customer:
    """The customer with this e-mail, name and country; a new one if there is none.

    What is on file is never overwritten by what somebody types; a missing phone is added.
    """
    email, name = email.strip().lower(), name.strip()
    # The database lower-cases both sides, as in its constraint: Python does some letters
    # differently.
    same_person = Customer.objects.alias(small_name=Lower("name")).filter(
        email=email, country=country, small_name=Lower(Value(name))
    )
    customer, _created = same_person.get_or_create(
        defaults={
            "email": email,
            "name": name,
            "country": country,
            "phone": phone,
            "created_at": now,
        }
    )
    if phone and not customer.phone:
        customer.phone = phone
        customer.save(update_fields=["phone"])
    return customer


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as a file names them; `email` is in lower case."""

    name: str
    email: str
    country: str
    phone: str = ""


def known_many(people: Sequence[Person], *, now: datetime) -> list[int]:
    """For each the id of the customer that `known` would give: a few statements for all.

    Call it inside a transaction.
    """
    small = in_small_letters(person.name for person in people)
    keys = [(person.email, small[person.name], person.country) for person in people]
    on_file = _on_file(people)
    new = {key: person for key, person in zip(keys, people, strict=True) if key not in on_file}
    Customer.objects.bulk_create(
        (
            Customer(name=one.name, email=one.email, country=one.country, created_at=now)
            for one in new.values()
        ),
        ignore_conflicts=True,
    )
    if new:
        on_file = _on_file(people)
    phones = {
        key: person.phone
        for key, person in zip(keys, people, strict=True)
        if person.phone and not on_file[key].phone
    }
    update_many(Customer, ["phone"], [(phone, on_file[key].id) for key, phone in phones.items()])
    return [on_file[key].id for key in keys]


class _Known(NamedTuple):
    id: int
    phone: str


def _on_file(people: Sequence[Person]) -> dict[tuple[str, str, str], _Known]:
    rows = Customer.objects.filter(email__in={person.email for person in people})
    return {
        (email, small_name, str(country)): _Known(pk, phone)
        for email, small_name, country, pk, phone in rows.values_list(
            "email", Lower("name"), "country", "pk", "phone"
        )
    }
