from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, prefetch_related_objects
from django.http import FileResponse, Http404, HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from claims import fees, views
from claims.admin import payments
from claims.admin.bulk_operations import CompleteMany, ReceiveMany, RetryLabels
from claims.admin.operations import OPERATIONS, undecided
from claims.admin.reports import REPORTS
from claims.models import Claim, Deadline, Outcome, Photo, Progress, Shipment
from claims.progress_page import timeline
from claims.reporting import queues, search
from policies import cover
from policies.backoffice import times
from policies.backoffice.cells import link, pill
from policies.backoffice.customer_pages import CustomerPageAdmin
from policies.backoffice.records import BackOfficeAdmin
from policies.models import Letter, Part, Policy
from policies.shared.papers import Paper

OUTCOME_PILL = {
    Outcome.CARE: ("good", _("Care plan")),
    Outcome.WARRANTY: ("good", _("Warranty")),
    Outcome.NOT_COVERED: ("bad", _("Not covered")),
    Outcome.NEEDS_REVIEW: ("busy", _("To review")),
}
PROGRESS_PILL = {
    Progress.COMPLETED: "quiet",
    Progress.RETURNED: "quiet",
    Progress.DECLINED: "bad",
    Progress.CANCELLED: "quiet",
    Progress.LAPSED: "quiet",
}


class QueueFilter(admin.SimpleListFilter):
    title = _("what needs doing")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(queue.slug, queue.label) for queue in queues.QUEUES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for queue in queues.QUEUES:
            if queue.slug == self.value():
                return queryset.filter(queue.condition)
        return queryset


class ClaimSheet(Paper):
    """The sheet that goes into the box."""

    slug = "sheet"
    label = _("Claim sheet (PDF)")
    permission = "claims.view_claim"
    template = "papers/claim_sheet.xml"

    def facts(self, record: Claim, *, now: datetime) -> dict[str, Any]:
        sent = record.shipments.filter(direction=Shipment.Direction.OUTBOUND).last()
        allowance = Policy.objects.with_allowance().filter(pk=record.policy_id)
        granted, used = allowance.values_list("granted", "used").get()  # type: ignore[misc]
        return {
            "claim": record,
            # As on the customer's page: what this claim has taken is no longer left.
            "left": max(granted - used, 0),
            "granted": granted,
            "paid": fees.payment_of(record),
            "outbound": sent,
            "site_url": settings.SITE_URL,
        }


@admin.register(Claim)
class ClaimAdmin(CustomerPageAdmin):
    list_display = [
        "number",
        "progress_pill",
        "outcome_pill",
        "serial",
        "drone_model",
        "name",
        "age",
    ]
    list_filter = [QueueFilter, "progress", "outcome", "policy__region"]
    list_select_related = ["drone__drone_model", "policy__region"]
    sortable_by = ()
    find = staticmethod(search.claims)
    search_fields = ["number"]
    search_help_text = _("A claim, serial, tracking or policy number, or an e-mail.")
    change_form_template = "admin/claim.html"
    customer_template = "claims/progress.html"
    operations = OPERATIONS
    papers = (ClaimSheet,)
    bulk_operations = (ReceiveMany, CompleteMany, RetryLabels)
    reports = REPORTS[Claim]
    fields = ["number"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Claim]:
        related = ["policy__plan", "policy__holder", "replacement"]
        return super().get_queryset(request).select_related(*self.list_select_related, *related)

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Claim | None:
        claim: Claim | None = super().get_object(request, *args, **kwargs)
        if claim is not None:
            prefetch_related_objects([claim], "payments")
        return claim

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """In a queue the oldest lies on top."""
        return ("progress_at", "id") if request.GET.get("queue") else ("-id",)

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("photo/<int:pk>/", guard(self.photo_view), name="claim_photo"),
            path("label/<int:pk>/", guard(self.label_view), name="claim_label"),
            *super().get_urls(),
        ]

    def photo_view(self, request: HttpRequest, pk: int) -> FileResponse:
        photo = self._visible(request, Photo.objects.filter(pk=pk))
        return _file(photo.image, "image/jpeg")

    def label_view(self, request: HttpRequest, pk: int) -> FileResponse:
        shipment = self._visible(request, Shipment.objects.filter(pk=pk).exclude(label=""))
        return _file(shipment.label, "application/pdf")

    def _visible(self, request: HttpRequest, rows: QuerySet[Any]) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = rows.first()
        if row is None:
            raise Http404
        return row

    def page_facts(self, request: HttpRequest, obj: Claim) -> dict[str, Any]:
        return super().page_facts(request, obj) | self._one_screen(obj)

    def _one_screen(self, claim: Claim) -> dict[str, Any]:
        """Everything that a clerk looks at before pressing a button."""
        policy = claim.policy
        seen = cover.cover_of(policy, reference=claim.number)
        return {
            "claim": claim,
            "cover": seen,
            "policy": policy,
            "policy_link": link(policy),
            "drone_link": link(claim.drone),
            "holder_link": link(policy.holder, policy.holder.name),
            "customer_link": self.customer_link(claim),
            "progress_pill": self.progress_pill(claim),
            "outcome_pill": self.outcome_pill(claim),
            "parts": _part_names(claim.parts),
            "parts_received": _part_names(claim.parts_received),
            "parts_damaged": _part_names(claim.parts_damaged),
            "parts_covered": _part_names(list(seen.parts)),
            "decisions": list(claim.decisions.order_by("-id")),
            "events": list(claim.events.order_by("-id")),
            "photos": list(claim.photos.all()),
            "shipments": list(claim.shipments.all()),
            "payments": sorted(claim.payments.all(), key=lambda payment: payment.pk),
            "refund_due": payments.shown_refund(claim),
            "letters": Letter.objects.filter(reference=claim.number).order_by("-id"),
        }

    def customer_facts(self, record: Claim, *, now: datetime) -> dict[str, Any]:
        claim = timeline.claims_with_facts().get(pk=record.pk)
        return views.progress_facts(claim)

    @admin.display(description=_("progress"))
    def progress_pill(self, claim: Claim) -> SafeString:
        if undecided(claim):
            return pill("busy", _("To decide"))
        kind = PROGRESS_PILL.get(Progress(claim.progress), "good")
        return pill(kind, claim.get_progress_display())

    @admin.display(description=_("decision"))
    def outcome_pill(self, claim: Claim) -> SafeString:
        kind, words = OUTCOME_PILL[Outcome(claim.outcome)]
        return pill(kind, words)

    @admin.display(description=_("serial"))
    def serial(self, claim: Claim) -> str:
        return claim.drone.serial

    @admin.display(description=_("model"))
    def drone_model(self, claim: Claim) -> str:
        return claim.drone.drone_model.name

    @admin.display(description=_("since"))
    def age(self, claim: Claim) -> str:
        return times.age(claim.progress_at, now=timezone.now())


@admin.register(Deadline)
class DeadlineAdmin(BackOfficeAdmin):
    list_display = ["kind", "remind_after_days", "ends_after_days"]
    readonly_fields = ["kind"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _part_names(parts: list[str]) -> str:
    return ", ".join(str(Part(part).label) for part in parts)


def _file(field: Any, content_type: str) -> FileResponse:
    response = FileResponse(field.open("rb"), content_type=content_type)
    response["Cache-Control"] = "private, no-store"
    return response
