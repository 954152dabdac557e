from policies.admin import (
    catalogue,
    clock,
    codes,
    imports,
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
    "imports",
    "letters",
    "orders",
    "people",
    "policies",
    "sections",
    "staff",
    "verification",
]
