"""What the reports about claims and fees can be narrowed down by."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from claims.models import FeePayment, Outcome, Progress
from policies.backoffice.report_filters import CatalogueFilter, SpanFilterSet, WordFilter
from policies.models import DroneModel, Region


class TurnaroundFilters(SpanFilterSet):
    instant = "submitted_at"

    region = CatalogueFilter(
        label=_("Region"), queryset=Region.objects.all(), by="code", field_name="policy__region"
    )
    model = CatalogueFilter(
        label=_("Model"),
        queryset=DroneModel.objects.all(),
        by="slug",
        field_name="drone__drone_model",
    )
    outcome = WordFilter(label=_("Decision"), choices=Outcome.choices)
    progress = WordFilter(label=_("Progress"), choices=Progress.choices)


def currencies() -> list[tuple[str, str]]:
    known = Region.objects.order_by("currency").values_list("currency", flat=True).distinct()
    return [(currency, currency) for currency in known]


class FeesTakenFilters(SpanFilterSet):
    instant = "received_at"

    region = CatalogueFilter(
        label=_("Region"),
        queryset=Region.objects.all(),
        by="code",
        field_name="claim__policy__region",
    )
    currency = WordFilter(label=_("Currency"), choices=currencies)
    method = WordFilter(label=_("Method"), choices=FeePayment.Method.choices)
    refunded = WordFilter(
        label=_("Refunded"), choices=[("yes", _("Yes")), ("no", _("No"))], method="that_went_back"
    )

    def that_went_back(self, rows: QuerySet[Any], name: str, word: str) -> QuerySet[Any]:
        return rows.filter(refunded_at__isnull=word == "no")
