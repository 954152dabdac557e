"""What a carrier must be able to do, and how it says that it cannot."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True)
class Address:
    name: str
    line1: str
    line2: str
    city: str
    state: str
    postal_code: str
    country: str  # ISO 3166 alpha-2
    phone: str = ""


@dataclass(frozen=True)
class Parcel:
    """A drone in its box, and what the customs want to know of it."""

    description: str
    length_cm: int
    width_cm: int
    height_cm: int
    weight_g: int
    value: Decimal  # US dollars
    tariff_number: str
    origin_country: str  # ISO 3166 alpha-2


@dataclass(frozen=True)
class LabelRequest:
    """One prepaid parcel. `reference` is the same each time the same label is asked for."""

    reference: str
    claim_number: str
    sender: Address
    receiver: Address
    parcel: Parcel


@dataclass(frozen=True)
class Label:
    """What the carrier sold: its own id for the parcel, and the label as a PDF of 4 x 6 inches.

    `tracking_url` is where the public follows the parcel; empty where there is no such page.
    """

    carrier_id: str
    tracking_number: str
    tracking_url: str
    pdf: bytes


class CarrierError(Exception):
    """The carrier did not sell (or take back) the label.

    `permanent` says that asking again would end the same: a person must look at it.
    """

    def __init__(self, message: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(message)


class Carrier(Protocol):
    """A carrier by dotted path in the setting CARRIER; made without arguments."""

    name: str

    def buy(self, request: LabelRequest) -> Label:
        """Sells a label; under a reference that it knows already, the same one again.

        Raises CarrierError.
        """

    def void(self, carrier_id: str, *, reference: str) -> None:
        """Takes back a label that was not used; one that it took back already is fine.

        `carrier_id` is empty where a sale may have been made but was never written down: then
        the label sold under `reference`, if there is one. Raises CarrierError.
        """
