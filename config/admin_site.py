from collections.abc import Iterator
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from config import dashboard, search
from policies.rules.text import Text

# The menu: rooms with their lists. Models that are not named here stand in the last one.
ROOMS: list[tuple[Text, list[str]]] = [
    (_("Claims"), ["Claim", "VideoVerification", "BindingPermit"]),
    (_("Customers"), ["Policy", "Drone", "ActivationStatement", "Customer", "Order"]),
    (_("Stock"), ["Sale", "ActivationCode", "CodeBatch", "Import"]),
    (_("Letters and clock"), ["Letter", "SweepRun", "ReminderDay", "Deadline"]),
    (
        _("Catalogue"),
        [
            *("Plan", "DroneModel", "Series", "Region", "ReplacementFee", "Exclusion"),
            "VerificationStep",
        ],
    ),
    (_("Staff"), ["User", "Group", "LogEntry"]),
]
ELSEWHERE = _("More")


class BackOfficeSite(AdminSite):
    site_header = _("Back office")
    site_title = _("Back office")
    index_title = _("Dashboard")
    index_template = "admin/dashboard.html"
    # The menu lies across the top: lists need the width.
    enable_nav_sidebar = False

    def get_urls(self) -> list[Any]:
        return [
            path("search/", self.admin_view(search.search), name="search"),
            path("search/code/", self.admin_view(search.find_code), name="find_code"),
            *super().get_urls(),
        ]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        return super().index(request, dashboard.context(request) | (extra_context or {}))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        menu = list(rooms(context["available_apps"]))
        if reports := list(self.reports_for(request)):
            menu.insert(3, {"name": _("Reports"), "lists": reports})
        return context | {"rooms": menu}

    def reports_for(self, request: HttpRequest) -> Iterator[dict[str, Any]]:
        """The reports that this person may open, as entries of the menu."""
        for model, page in self._registry.items():
            for report in getattr(page, "reports", ()):
                if report.permitted(request):
                    yield {"name": report.label, "admin_url": report.address(model._meta)}


def rooms(apps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The lists that this person may see, room by room."""
    left = {model["object_name"]: model for app in apps for model in app["models"]}
    for name, lists in ROOMS:
        here = [left.pop(each) for each in lists if each in left]
        if here:
            yield {"name": name, "lists": here}
    if left:
        yield {"name": ELSEWHERE, "lists": list(left.values())}
