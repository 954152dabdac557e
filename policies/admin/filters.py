"""What the reports about policies, codes and letters can be narrowed down by."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from policies import outbox, renewal
from policies.backoffice.report_filters import CatalogueFilter, SpanFilterSet, WordFilter
from policies.models import CodeBatch, DroneModel, Letter, Plan, Region
from policies.rules.terms import Stage

STAGE_LABELS = {
    Stage.NOT_STARTED: _("Begins soon"),
    Stage.IN_FORCE: _("In force"),
    Stage.USED_UP: _("Allowance used up"),
    Stage.ENDED: _("Expired"),
    Stage.CANCELLED: _("Cancelled"),
}
# As the address of a page names them. A policy is at a stage by its dates and uses, whatever a
# sweep has marked (E1).
STAGE_WORDS = {
    "scheduled": Stage.NOT_STARTED,
    "active": Stage.IN_FORCE,
    "used_up": Stage.USED_UP,
    "expired": Stage.ENDED,
    "cancelled": Stage.CANCELLED,
}
STAGE_CHOICES = [(word, STAGE_LABELS[stage]) for word, stage in STAGE_WORDS.items()]


def stage_now(policy: Any) -> Stage:
    """The stage of a policy that comes from `with_allowance`."""
    left = policy.granted - policy.used
    stage: Stage = policy.stage(at=timezone.now(), replacements_left=left)
    return stage


class StageFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return STAGE_CHOICES

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        stage = STAGE_WORDS.get(self.value() or "")
        return queryset.at_stage(stage, at=timezone.now()) if stage else queryset


class Belonging(admin.SimpleListFilter):
    """What belongs to one record, whose page led here. Not offered where no address names one."""

    model: type[Model]
    column = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        one = self._record(request.GET.get(self.parameter_name or "", ""))
        return [(str(one.pk), str(one))] if one else []

    def _record(self, value: str) -> Model | None:
        # No row has a longer number, and the databases refuse one with an error.
        named = value.isascii() and value.isdigit() and len(value) < 19
        return self.model._default_manager.filter(pk=value).first() if named else None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(**{self.column or self.parameter_name or "": self.value()})


class PoliciesEndingFilters(SpanFilterSet):
    instant = "ends_at"

    status = WordFilter(label=_("Status"), choices=STAGE_CHOICES, method="at_stage")
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

    def at_stage(self, rows: QuerySet[Any], name: str, word: str) -> QuerySet[Any]:
        found: QuerySet[Any] = rows.at_stage(STAGE_WORDS[word], at=timezone.now())  # type: ignore[attr-defined]
        return found

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
