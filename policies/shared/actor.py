"""Who acts. Every verb takes one, every event keeps one."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User


@dataclass(frozen=True)
class Actor:
    """A member of staff, the customer, or a command. `address` is the client's IP address."""

    name: str
    user: User | None = None
    address: str | None = None

    @classmethod
    def staff(cls, user: User, address: str | None = None) -> "Actor":
        return cls(name=user.get_username(), user=user, address=address)

    @classmethod
    def customer(cls, address: str | None = None) -> "Actor":
        return cls(name="customer", address=address)

    @classmethod
    def command(cls, name: str) -> "Actor":
        return cls(name=name)

    def signature(self) -> dict[str, Any]:
        """The fields of an event row that say who and from where."""
        return {"actor": self.name, "by": self.user, "address": self.address}
