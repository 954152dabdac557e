from policies.admin import (
    catalogue,
    clock,
    codes,
    letters,
    orders,
    people,
    policies,
    sections,
    staff,
    verification,
)

__all__ = [
    "catalogue",
    "clock",
    "codes",
    "letters",
    "orders",
    "people",
    "policies",
    "sections",
    "staff",
    "verification",
]
