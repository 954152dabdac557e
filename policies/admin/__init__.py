from policies.admin import (
    catalogue,
    clock,
    codes,
    history,
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
    "history",
    "imports",
    "letters",
    "orders",
    "people",
    "policies",
    "sections",
    "staff",
    "verification",
]
