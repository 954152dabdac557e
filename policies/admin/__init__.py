from policies.admin import (
    catalogue,
    clock,
    codes,
    customers,
    history,
    imports,
    letters,
    orders,
    policies,
    sections,
    staff,
    verification,
)

__all__ = [
    "catalogue",
    "clock",
    "codes",
    "customers",
    "history",
    "imports",
    "letters",
    "orders",
    "policies",
    "sections",
    "staff",
    "verification",
]
