"""Customers: who is the same person, and what may be changed about one."""

from datetime import datetime

from django.db.models import Value
from django.db.models.functions import Lower

from policies.models import Customer


def known(*, name: str, email: str, country: str, phone: str = "", now: datetime) -> Customer:
    """The customer with this e-mail, name and country; a new one if there is none.

    What is on file is never overwritten by what somebody types; a missing phone is added.
    """
    email, name = email.strip().lower(), name.strip()
    # Small letters are made by the database on both sides, as in its constraint: some letters
    # have others in Python.
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
