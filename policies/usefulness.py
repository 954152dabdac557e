"""Whether the buyer of codes can use them: asked before a sale that looks wrong (B7, R1)."""

from collections.abc import Collection, Iterator
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from policies import cover, renewal
from policies.models import ActivationCode, Policy, Sale
from policies.rules.verdict import Reason
from policies.shared.errors import Conflict

REGION, RENEWAL = "wrong_region", "nothing_to_renew"


class Doubtful(Conflict):
    """The sale is made only when somebody has confirmed its `warnings`, by their codes."""

    def __init__(self, warnings: list[Reason]) -> None:
        super().__init__(
            _("The buyer may have no use for this. Tick below what is meant to be so, and sell.")
        )
        self.warnings = warnings


def ask_about(sale: Sale, *, confirmed: Collection[str], at: datetime) -> None:
    """Looks at a sale that was just made, inside its transaction. Raises Doubtful."""
    goods = ("batch__plan__renews", "batch__drone_model")
    code = sale.codes.select_related(*goods)[:1].get()
    warnings = list(_warnings(sale, code, at=at))
    if {warning.code for warning in warnings} - set(confirmed):
        raise Doubtful(warnings)


def _warnings(sale: Sale, code: ActivationCode, *, at: datetime) -> Iterator[Reason]:
    buyer, plan, model = sale.buyer, code.batch.plan, code.batch.drone_model
    if not cover.serves(sale.region, str(buyer.country)):
        facts = {"country": buyer.country.name, "region": sale.region}
        yield Reason(
            "B7",
            REGION,
            _("%(country)s is not in the region %(region)s, which the codes are for.") % facts,
        )
    if plan.renews is None:
        return
    theirs = Policy.objects.of_present_life().filter(
        holder__email=buyer.email,
        plan=plan.renews,
        drone__drone_model=model,
        region=sale.region,
    )
    if not renewal.with_renewable(theirs, at=at).filter(renewable=True).exists():
        facts = {"buyer": buyer.name, "plan": plan.renews, "model": model}
        yield Reason(
            "R1",
            RENEWAL,
            _("%(buyer)s holds no %(plan)s plan for a %(model)s that could be renewed.") % facts,
        )
