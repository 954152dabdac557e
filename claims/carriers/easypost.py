"""Labels bought through EasyPost.

A label is known there by our reference. Whatever a worker that died has left behind — a
shipment without a label, a label that was never written down — is found under it and used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from claims.carriers.base import Address, CarrierError, Label, LabelRequest, Parcel

try:
    import easypost
    import requests
    from easypost.errors import ApiError, EasyPostError, NotFoundError
except ImportError as error:
    raise ImproperlyConfigured(
        "CARRIER names EasyPost, whose client is not installed: "
        "pip install -r requirements-easypost.txt"
    ) from error

# Seconds without a byte. A sale is four calls, each tried up to four times when nobody
# answers, and a download: it must end within the worker's lease of five minutes.
TIMEOUT = 15
LARGEST_LABEL = 2 * 1024 * 1024
# EasyPost measures in inches and ounces.
CM, GRAM = 1 / 2.54, 1 / 28.349523
OPTIONS = {"label_format": "PDF", "label_size": "4x6"}
# Of the statuses below 500, those that may be different in a minute.
PASSING = {408, 409, 425, 429}
# Addresses of the United States that are beyond their customs: military post, and territories
# that people write as a state.
BEYOND_CUSTOMS = {"AA", "AE", "AP", "AS", "GU", "MP", "PR", "VI"}
# What is worth more leaves the United States only with a filing number of its own, and EasyPost
# says so; below, this citation of the Foreign Trade Regulations stands for it.
MOST_WITHOUT_FILING = 2_500
WITHOUT_FILING = "NOEEI 30.37(a)"
# not_applicable: billed when scanned, so that an unused label costs nothing.
TAKEN_BACK = {"submitted", "refunded", "not_applicable"}


class EasyPost:
    name = "easypost"

    def __init__(self) -> None:
        self.client = easypost.EasyPostClient(
            settings.EASYPOST_API_KEY, api_base=settings.EASYPOST_API_BASE, timeout=TIMEOUT
        )

    def buy(self, request: LabelRequest) -> Label:
        with errors_of_ours():
            known = self._known(request.reference)
            shipment = known or self._create(request)
            if not shipment.postage_label:
                # Prices of an earlier try may be old, or missing because a carrier was silent.
                rates = self.client.shipment.regenerate_rates(known.id) if known else shipment
                rate = _lowest(rates["rates"], shipment)
                shipment = self.client.shipment.buy(shipment.id, rate={"id": rate.id})
            return Label(
                carrier_id=shipment.id,
                tracking_number=shipment.tracking_code,
                tracking_url=shipment.tracker.public_url if shipment.tracker else "",
                pdf=_download(self._label_url(shipment)),
            )

    def void(self, carrier_id: str, *, reference: str) -> None:
        with errors_of_ours():
            shipment = self._known(carrier_id or reference)
            if shipment is None or not shipment.postage_label:
                return
            if shipment.refund_status not in TAKEN_BACK:
                shipment = self.client.shipment.refund(shipment.id)
            if shipment.refund_status not in TAKEN_BACK:
                # A refund requested right after the sale may be rejected, and granted later.
                raise CarrierError(
                    f"EasyPost answered the refund with: {shipment.refund_status}", permanent=False
                )

    def _known(self, name: str) -> Any:
        """The shipment by its id or by our reference, which EasyPost takes in its place."""
        try:
            return self.client.shipment.retrieve(name)
        except NotFoundError:
            return None

    def _create(self, request: LabelRequest) -> Any:
        customs = {"customs_info": _customs(request)} if _crosses_customs(request) else {}
        return self.client.shipment.create(
            reference=request.reference,
            from_address=_address(request.sender),
            to_address=_address(request.receiver),
            parcel=_parcel(request.parcel),
            options=OPTIONS | {"print_custom_1": request.claim_number},
            **customs,
        )

    def _label_url(self, shipment: Any) -> str:
        label = shipment.postage_label
        if label.label_file_type == "application/pdf":
            return str(label.label_url)
        if not label.label_pdf_url:
            # Some carriers ignore the format that was ordered; EasyPost converts theirs.
            label = self.client.shipment.label(shipment.id, file_format="PDF").postage_label
        return str(label.label_pdf_url)


def _address(address: Address) -> dict[str, str]:
    phone = {"phone": address.phone} if address.phone else {}
    return phone | {
        "name": address.name,
        "street1": address.line1,
        "street2": address.line2,
        "city": address.city,
        "state": address.state,
        "zip": address.postal_code,
        "country": address.country,
    }


def _parcel(parcel: Parcel) -> dict[str, float]:
    return {
        "length": round(parcel.length_cm * CM, 1),
        "width": round(parcel.width_cm * CM, 1),
        "height": round(parcel.height_cm * CM, 1),
        "weight": round(parcel.weight_g * GRAM, 1),
    }


def _crosses_customs(request: LabelRequest) -> bool:
    states = {each.state.strip().upper() for each in (request.sender, request.receiver)}
    within = request.sender.country == request.receiver.country
    beyond = request.sender.country == "US" and not states.isdisjoint(BEYOND_CUSTOMS)
    return beyond or not within


def _customs(request: LabelRequest) -> dict[str, Any]:
    """The declaration, which the dealer signs: the customer says nothing to the customs."""
    parcel = request.parcel
    filing = {"eel_pfc": WITHOUT_FILING} if parcel.value <= MOST_WITHOUT_FILING else {}
    return filing | {
        "contents_type": "returned_goods",
        "contents_explanation": "Damaged drone, returned to the dealer for repair or replacement",
        "customs_certify": True,
        "customs_signer": settings.DEALER_NAME,
        "non_delivery_option": "return",
        "restriction_type": "none",
        "customs_items": [
            {
                "description": f"Drone {parcel.description}, used, for repair",
                "quantity": 1,
                "value": float(parcel.value),
                "currency": "USD",
                "weight": round(parcel.weight_g * GRAM, 1),
                "hs_tariff_number": parcel.tariff_number,
                "origin_country": parcel.origin_country,
            }
        ],
    }


def _lowest(rates: list[Any], shipment: Any) -> Any:
    if not rates:
        messages = "; ".join(f"{each.carrier}: {each.message}" for each in shipment.messages or [])
        raise CarrierError(f"No carrier takes this parcel. {messages}".strip(), permanent=True)
    return min(rates, key=lambda rate: Decimal(rate.rate))


def _download(url: str) -> bytes:
    with requests.get(url, timeout=TIMEOUT, stream=True) as response:
        response.raise_for_status()
        pdf = b""
        for block in response.iter_content(64 * 1024):
            pdf += block
            if len(pdf) > LARGEST_LABEL:
                raise CarrierError("The label is larger than 2 MB.", permanent=True)
    if not pdf.startswith(b"%PDF-"):
        raise CarrierError("The label is not a PDF.", permanent=False)
    return pdf


@contextmanager
def errors_of_ours() -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        status = error.http_status or 500  # none: nobody answered, or not in JSON
        permanent = 400 <= status < 500 and status not in PASSING
        raise CarrierError(_in_words(error), permanent=permanent) from error
    except (EasyPostError, requests.RequestException) as error:
        raise CarrierError(f"EasyPost: {error}", permanent=False) from error


def _in_words(error: ApiError) -> str:
    errors: list[Any] = error.errors or []
    details = [
        f"{each.get('field')} {each.get('message')}" if isinstance(each, dict) else str(each)
        for each in errors
    ]
    return f"EasyPost: {'; '.join([error.message, *details])} ({error.code or error.http_status})"
