"""The verification desk: films to watch, what they must show, and the permits that they open."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from policies import binding, verification
from policies.admin.catalogue import CatalogueAdmin
from policies.admin.forms import ApprovalForm, RejectionForm
from policies.backoffice.cells import link, pill
from policies.backoffice.operations import Done, Operation, instant_of
from policies.backoffice.records import RecordAdmin
from policies.models import BindingPermit, Drone, VerificationStep, VideoVerification
from policies.reporting import search
from policies.rules import terms
from policies.rules.verdict import Verdict

# The pages that show the film may frame YouTube's player without cookies; no other page may.
FILM_FRAMES = {"frame-src": ["https://www.youtube-nocookie.com"]}


class Review(Operation):
    """A decision about a film: the film and its checklist stay on the page."""

    permission = "policies.review_video"
    template = "admin/review.html"
    content_policy = FILM_FRAMES

    obj: VideoVerification

    def open(self) -> bool:
        return self.obj.state == VideoVerification.State.SUBMITTED


class Approve(Review):
    slug = "approve"
    label = _("Approve")
    explanation = _("Opens the binding window again. The letter names the deadline.")
    form_class = ApprovalForm

    def run(self, form: Any) -> Done:
        seen = form.cleaned_data["seen"]
        permit = verification.approve(self.obj, seen=seen, actor=self.actor, now=self.now)
        message = _("Approved: the drone may be bound until %(deadline)s UTC.")
        return Done(message % {"deadline": f"{permit.deadline_at:%Y-%m-%d %H:%M}"})


class Reject(Review):
    slug = "reject"
    label = _("Reject")
    explanation = _("The customer may send another video.")
    form_class = RejectionForm
    dangerous = True

    def run(self, form: Any) -> Done:
        verification.reject(self.obj, **form.cleaned_data, actor=self.actor, now=self.now)
        return Done(_("Rejected; the letter with the reason is on its way."))


class QueueFilter(admin.SimpleListFilter):
    """The list opens on what waits to be watched; a search looks at everything."""

    title = _("state")
    parameter_name = "state__exact"
    EVERYTHING = "all"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        self.searching = bool(request.GET.get("q"))
        return [*VideoVerification.State.choices, (self.EVERYTHING, _("All"))]

    @property
    def chosen(self) -> str:
        unasked = self.EVERYTHING if self.searching else VideoVerification.State.SUBMITTED
        known = dict(self.lookup_choices)
        return value if (value := self.value()) in known else unasked

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.chosen == self.EVERYTHING else queryset.filter(state=self.chosen)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for value, words in self.lookup_choices:
            yield {
                "selected": self.chosen == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": words,
            }


@admin.register(VideoVerification)
class VideoVerificationAdmin(RecordAdmin):
    list_display = ["serial", "state_pill", "drone_model", "name", "submitted_at", "decided_by"]
    list_filter = [QueueFilter]
    list_select_related = ["drone_model", "region", "decided_by", "permit__drone"]
    ordering = ["submitted_at", "id"]
    sortable_by = ()
    find = staticmethod(search.films)
    search_fields = ["serial"]
    search_help_text = _("A serial number, in any spelling, or an e-mail.")
    fields = [
        "serial",
        "drone_link",
        "state_pill",
        "drone_model",
        "region",
        "name",
        "email",
        "country",
        "submitted_at",
        "decided_at",
        "decided_by",
        "reason",
        "shown",
        "permit_link",
    ]
    readonly_fields = ["drone_link", "state_pill", "shown", "permit_link"]
    change_form_template = "admin/verification.html"
    operations = (Approve, Reject)

    def page_facts(self, request: HttpRequest, obj: VideoVerification) -> dict[str, Any]:
        """The film with the checklist beside it, to be ticked while watching (V2)."""
        decisions = list(self._buttons(request, self.operations, obj))
        return super().page_facts(request, obj) | {
            "film": obj,
            "verdict": self._verdict(obj, at=instant_of(request)),
            "decisions": decisions,
            "review": RejectionForm() if decisions else None,
            "buttons": [],  # those of the form are enough
        }

    def _verdict(self, film: VideoVerification, *, at: datetime) -> Verdict:
        """May the drone in the film be bound as things stand (B10)?"""
        on_file = Drone.objects.filter(serial=film.serial).select_related("drone_model").first()
        drone = on_file or Drone(serial=film.serial, drone_model=film.drone_model)
        return binding.verdict_on_drone(drone, film.region, at=at, email=film.email)

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().change_view(request, *args, **kwargs)
        response._csp_config = {**settings.SECURE_CSP, **FILM_FRAMES}  # type: ignore[attr-defined]
        return response

    @admin.display(description=_("state"))
    def state_pill(self, film: VideoVerification) -> SafeString:
        kind = {"submitted": "busy", "approved": "good", "rejected": "bad", "lapsed": "quiet"}
        return pill(kind[film.state], film.get_state_display())

    @admin.display(description=_("drone"))
    def drone_link(self, film: VideoVerification) -> str:
        drone = Drone.objects.filter(serial=film.serial).first()
        return link(drone) if drone else str(_("Not on file"))

    @admin.display(description=_("seen in the film"))
    def shown(self, film: VideoVerification) -> str:
        steps = dict(VerificationStep.objects.values_list("slug", "title"))
        return ", ".join(steps.get(slug, slug) for slug in film.seen) or "–"

    @admin.display(description=_("binding permit"))
    def permit_link(self, film: VideoVerification) -> str:
        return link(film.permit)


@admin.register(VerificationStep)
class VerificationStepAdmin(CatalogueAdmin):
    list_display = ["title", "position", "text"]
    prepopulated_fields = {"slug": ["title"]}


@admin.register(BindingPermit)
class BindingPermitAdmin(RecordAdmin):
    list_display = ["drone", "state_pill", "reason", "opened_at", "deadline_at", "granted_by"]
    list_filter = ["reason"]
    list_select_related = ["drone", "granted_by", "used_for"]
    sortable_by = ()
    find = staticmethod(search.permits)
    search_fields = ["drone__serial"]
    search_help_text = _("A serial number, in any spelling.")
    fields = [
        "drone_link",
        "state_pill",
        "reason",
        "note",
        "opened_at",
        "deadline_at",
        "granted_by",
        "lapsed_at",
        "policy_link",
        "film_link",
    ]
    readonly_fields = ["drone_link", "state_pill", "policy_link", "film_link"]

    @admin.display(description=_("state"))
    def state_pill(self, permit: BindingPermit) -> SafeString:
        """Computed for this instant, whatever the sweep has marked so far (V3)."""
        if permit.used_for_id is not None:
            return pill("good", _("Used"))
        if terms.permit_open(permit.opened_at, permit.deadline_at, at=timezone.now()):
            return pill("busy", _("Open"))
        return pill("quiet", _("Lapsed"))

    @admin.display(description=_("drone"))
    def drone_link(self, permit: BindingPermit) -> str:
        return link(permit.drone)

    @admin.display(description=_("used for"))
    def policy_link(self, permit: BindingPermit) -> str:
        return link(permit.used_for)

    @admin.display(description=_("video verification"))
    def film_link(self, permit: BindingPermit) -> str:
        return link(VideoVerification.objects.filter(permit=permit).first())
