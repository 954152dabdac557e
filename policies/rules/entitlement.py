"""What a policy entitles its holder to, in plain values: what a claim is decided on (K2).

Pure: no database, no clock.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Entitlement:
    """As it stood when asked. Instants are aware.

    `zones` are the clocks of the region's countries, the region's own first: a day that the
    customer names is a day on any of them (P9).
    """

    zones: tuple[ZoneInfo, ...]
    starts_at: datetime
    ends_at: datetime
    cancelled_at: datetime | None
    replacements_left: int
    parts: tuple[str, ...]
    excluded_causes: frozenset[str]
    warranty_until: datetime | None
    bound_at: datetime
    # When the covered drone was shipped as a replacement for another; None if it was not.
    came_as_replacement_at: datetime | None = None
    activation_stated_by_customer: bool = False
    activated_at: datetime | None = None
    # Where nobody knows the activation: it was no earlier than the binding (P8).
    warranty_at_least_until: datetime | None = None
