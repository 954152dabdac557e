"""Finds records by what staff have in hand. Each term goes to indexed columns, by its shape.

A name is found whole, or by its last word: both are indexed as they are compared.
"""

from typing import Any

from django.db.models import Model, Q, QuerySet

from policies import codes
from policies.models import (
    ActivationCode,
    ActivationStatement,
    BindingPermit,
    Customer,
    Drone,
    Letter,
    Order,
    Policy,
    Sale,
    VideoVerification,
)
from policies.rules import code_format, serials

# A search box answers with a few records; for more there are the lists.
FEW = 20
# What staff see of a code.
TAIL = 4


def is_email(term: str) -> bool:
    return "@" in term


def by_whole_code(text: str, *, policy: bool = False) -> ActivationCode | Policy | None:
    """The code that staff typed in full, or the policy that it was redeemed for; None if unknown.

    Never for an address (C6). Raises Mistyped.
    """
    code = codes.find(text)
    redeemed = Policy.objects.filter(periods__code=code) if code and policy else None
    return (redeemed and redeemed.first()) or code


def policies(among: QuerySet[Policy], term: str) -> QuerySet[Policy]:
    """By e-mail of the holder, policy number or serial number."""
    if is_email(term):
        return among.filter(holder__email=term.lower())
    if term.upper().startswith("POL-"):
        return among.filter(number=term.upper())
    return among.filter(drone__serial=serials.recognise(term))


def codes_on_file(among: QuerySet[ActivationCode], term: str) -> QuerySet[ActivationCode]:
    """By e-mail of the buyer, last four characters or order reference."""
    if is_email(term):
        return among.filter(sale__buyer__email=term.lower())
    normalised = code_format.normalise(term)
    match = Q(sale__order_reference=term)
    if len(normalised) == TAIL:
        match |= Q(last_four=normalised)
    return among.filter(match)


def sales(among: QuerySet[Sale], term: str) -> QuerySet[Sale]:
    """By e-mail of the buyer, or order reference."""
    if is_email(term):
        return among.filter(buyer__email=term.lower())
    return among.filter(order_reference=term)


def drones(among: QuerySet[Drone], term: str) -> QuerySet[Drone]:
    return among.filter(serial=serials.recognise(term))


def customers(among: QuerySet[Customer], term: str) -> QuerySet[Customer]:
    """By e-mail, whole name or family name."""
    if is_email(term):
        return among.filter(email=term.lower())
    return among.filter(pk__in=Customer.objects.named(" ".join(term.split())))


def orders(among: QuerySet[Order], term: str) -> QuerySet[Order]:
    """By e-mail of the customer, reference or serial number."""
    if is_email(term):
        return among.filter(customer__email=term.lower())
    by_reference = among.filter(reference=term)
    if by_reference.exists():
        return by_reference
    return among.filter(drone__serial=serials.recognise(term))


def letters(among: QuerySet[Letter], term: str) -> QuerySet[Letter]:
    """By recipient, policy number, or the number that it is about."""
    if is_email(term):
        return among.filter(recipient=term.lower())
    if term.upper().startswith("POL-"):
        return among.filter(policy__number=term.upper())
    return among.filter(reference=term)


def films(among: QuerySet[VideoVerification], term: str) -> QuerySet[VideoVerification]:
    """By e-mail or serial number."""
    if is_email(term):
        return among.filter(email=term.lower())
    return among.filter(serial=serials.recognise(term))


def statements(among: QuerySet[ActivationStatement], term: str) -> QuerySet[ActivationStatement]:
    """By e-mail or serial number."""
    if is_email(term):
        return among.filter(email=term.lower())
    return among.filter(serial=serials.recognise(term))


def permits(among: QuerySet[BindingPermit], term: str) -> QuerySet[BindingPermit]:
    return among.filter(drone__serial=serials.recognise(term))


def everything(term: str) -> list[Model]:
    """What a term names: the one thing, where it is a number or a code; at most FEW otherwise."""
    if is_email(term):
        return few(customers(Customer.objects.all(), term))
    if term.upper().startswith("POL-"):
        return few(policies(Policy.objects.all(), term))
    records: list[Model] = few(Drone.objects.filter(serial=serials.recognise(term)))
    return records or [
        *few(Order.objects.filter(reference=term).select_related("drone")),
        *few(sales(Sale.objects.all(), term)),
        *few(codes_that_end_in(term)),
        *few(customers(Customer.objects.all(), term)),
    ]


def codes_that_end_in(term: str) -> QuerySet[ActivationCode]:
    tail = code_format.normalise(term)
    codes = ActivationCode.objects.all()
    return codes.filter(last_four=tail) if len(tail) == TAIL else codes.none()


def few(rows: QuerySet[Any]) -> list[Any]:
    return list(rows[:FEW])
