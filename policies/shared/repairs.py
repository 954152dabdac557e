"""FACE: the repairs of a policy's drone, for the policy's page; the app that has them registers.

Nothing is stored for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from policies.models import Policy
from policies.rules.text import Text


@dataclass(frozen=True)
class Repair:
    """`url` is the holder's own link, empty where they have none; `replacement` the new serial."""

    number: str
    url: str
    standing: Text
    is_open: bool
    requested_at: datetime
    serial: str
    replacement: str = ""


Source = Callable[[Policy], Iterable[Repair]]
SOURCES: list[Source] = []


def source(function: Source) -> Source:
    """Registers what an app knows of a policy's repairs."""
    SOURCES.append(function)
    return function


def of(policy: Policy) -> list[Repair]:
    """Newest first."""
    repairs = [repair for repairs_of in SOURCES for repair in repairs_of(policy)]
    return sorted(repairs, key=lambda repair: repair.requested_at, reverse=True)
