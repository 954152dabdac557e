"""The clock: on which days holders are reminded, and when each sweep ran."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from policies.admin.catalogue import CatalogueAdmin
from policies.backoffice.cells import pill
from policies.backoffice.records import RecordAdmin
from policies.models import ReminderDay, SweepRun
from policies.models.clock import SWEEPS


@admin.register(ReminderDay)
class ReminderDayAdmin(CatalogueAdmin):
    list_display = ["days"]


class SweepFilter(admin.SimpleListFilter):
    """The names are known; asking the table for them would read all of it."""

    title = _("sweep")
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in SWEEPS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(name=self.value()) if self.value() in SWEEPS else queryset


@admin.register(SweepRun)
class SweepRunAdmin(RecordAdmin):
    list_display = ["name", "at", "state_pill", "started_at", "finished_at", "summary"]
    list_filter = [SweepFilter]
    sortable_by = ()
    fields = ["name", "at", "state_pill", "started_at", "finished_at", "summary"]
    readonly_fields = ["state_pill"]

    @admin.display(description=_("state"))
    def state_pill(self, run: SweepRun) -> SafeString:
        if run.finished_at is None:
            return pill("busy", _("Not finished"))
        return pill("good", _("Finished"))
