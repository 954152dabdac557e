"""Finds claims by what staff have in hand, through indexes only."""

from django.db.models import Model, QuerySet

from claims.models import Claim, Shipment
from policies.rules import serials

FEW = 20
ENOUGH = 200


def claims(among: QuerySet[Claim], term: str) -> QuerySet[Claim]:
    """By e-mail, policy or claim number; a bare word may be a serial or a tracking number."""
    if "@" in term:
        return among.filter(email=term.lower())
    if term.upper().startswith("POL-"):
        return among.filter(policy__number=term.upper())
    if term.upper().startswith("CLM-"):
        return among.filter(number=term.upper())
    return among.filter(pk__in=[*_by_serial(term), *_by_tracking(term)])


def _by_serial(term: str) -> list[int]:
    serial = serials.recognise(term)
    if not serial:
        return []
    keys = Claim.objects.values_list("pk", flat=True)
    sent_in = keys.filter(drone__serial=serial)[:ENOUGH]
    sent_out = keys.filter(replacement__serial=serial)[:ENOUGH]
    return [*sent_in, *sent_out]


def _by_tracking(term: str) -> list[int]:
    number = term.replace(" ", "")
    parcels = Shipment.objects.filter(tracking_number=number).exclude(tracking_number="")
    return list(parcels.values_list("claim", flat=True)[:ENOUGH])


def everything(term: str) -> list[Model]:
    """The claims that a term names. A serial number is not looked up: it names the drone."""
    if "@" in term or term.upper().startswith("CLM-"):
        return list(claims(Claim.objects.all(), term)[:FEW])
    return list(Claim.objects.filter(pk__in=_by_tracking(term))[:FEW])
