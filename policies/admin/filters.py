"""What the reports about policies, codes and letters can be narrowed down by."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from policies import outbox, renewal
from policies.backoffice.report_filters import CatalogueFilter, SpanFilterSet, WordFilter
from policies.models import CodeBatch, DroneModel, Letter, Plan, Policy, Region


class PoliciesEndingFilters(SpanFilterSet):
    instant = "ends_at"

    status = WordFilter(label=_("Status"), choices=Policy.Status.choices)
    plan = CatalogueFilter(label=_("Plan"), queryset=Plan.objects.all(), by="code")
    region = CatalogueFilter(label=_("Region"), queryset=Region.objects.all(), by="code")
    model = CatalogueFilter(
        label=_("Model"),
        queryset=DroneModel.objects.all(),
        by="slug",
        field_name="drone__drone_model",
    )
    renewable = WordFilter(
        label=_("May be renewed now"),
        choices=[("yes", _("Yes")), ("no", _("No"))],
        method="that_may_be_renewed",
    )

    def that_may_be_renewed(self, rows: QuerySet[Any], name: str, word: str) -> QuerySet[Any]:
        return renewal.with_renewable(rows, at=timezone.now()).filter(renewable=word == "yes")


class CodeStockFilters(SpanFilterSet):
    instant = "created_at"

    plan = CatalogueFilter(label=_("Plan"), queryset=Plan.objects.all(), by="code")
    region = CatalogueFilter(label=_("Region"), queryset=Region.objects.all(), by="code")
    model = CatalogueFilter(
        label=_("Model"), queryset=DroneModel.objects.all(), by="slug", field_name="drone_model"
    )
    origin = WordFilter(label=_("Origin"), choices=CodeBatch.Origin.choices)


class LetterFilters(SpanFilterSet):
    instant = "created_at"

    name = WordFilter(label=_("Letter"), choices=outbox.names)
    state = WordFilter(label=_("State"), choices=Letter.State.choices)
