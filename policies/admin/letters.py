"""The outbox: what was sent to whom, and sending it again."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from policies import outbox
from policies.admin.reports import REPORTS
from policies.backoffice.cells import link, pill
from policies.backoffice.operations import BulkOperation, Done, Operation
from policies.backoffice.records import RecordAdmin
from policies.models import Letter
from policies.reporting import search
from policies.sealing import SealBroken
from policies.shared.actor import Actor

# The letter is shown as its reader's mail program would: its own styles, nothing else,
# no script, and framed by our own pages only.
PREVIEW_POLICY = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["data:"],
    "frame-ancestors": ["'self'"],
    "sandbox": True,
}
PAGE_FRAMES = {"frame-src": ["'self'"]}


class SendAgain(Operation):
    slug = "send-again"
    label = _("Send again")
    permission = "policies.resend_letter"

    obj: Letter

    def open(self) -> bool:
        return self.obj.state != Letter.State.QUEUED

    def run(self, form: Any) -> Done:
        outbox.send_again(self.obj, now=self.now)
        return Done(_("The letter is in the outbox again."))


class SendManyAgain(BulkOperation):
    slug = "send-again"
    label = _("Send these letters again")
    permission = "policies.resend_letter"

    def run(self, obj: Letter, *, actor: Actor, now: datetime, **typed: Any) -> None:
        outbox.send_again(obj, now=now)


class NameFilter(admin.SimpleListFilter):
    """The names are known; asking the table for them would read all of it."""

    title = _("letter")
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return outbox.names()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(name=self.value()) if self.value() else queryset


@admin.register(Letter)
class LetterAdmin(RecordAdmin):
    list_display = [
        "letter",
        "recipient",
        "state_pill",
        "policy_link",
        "created_at",
        "sent_at",
        "attempts",
    ]
    list_filter = ["state", NameFilter]
    list_select_related = ["policy"]
    sortable_by = ()
    find = staticmethod(search.letters)
    search_fields = ["recipient"]
    search_help_text = _("An e-mail address, a policy number or a reference.")
    fields = [
        "subject",
        "recipient",
        "state_pill",
        "policy_link",
        "reference",
        "created_at",
        "sent_at",
        "next_try_at",
        "attempts",
        "last_error",
        "text",
        "preview",
    ]
    readonly_fields = ["subject", "state_pill", "policy_link", "text", "preview"]
    operations = (SendAgain,)
    bulk_operations = (SendManyAgain,)
    reports = REPORTS[Letter]

    def get_urls(self) -> list[URLPattern]:
        preview = path(
            "<int:pk>/preview/",
            self.admin_site.admin_view(self.preview_view),
            name="letter_preview",
        )
        return [preview, *super().get_urls()]

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        letter = self.get_object(request, str(pk))
        if letter is None:
            raise Http404
        rendered = self._rendered(letter)
        response = HttpResponse(rendered.html if rendered else _("This letter cannot be rendered."))
        response._csp_config = PREVIEW_POLICY  # type: ignore[attr-defined]
        response["X-Frame-Options"] = "SAMEORIGIN"
        return response

    def _rendered(self, letter: Letter) -> outbox.Rendered | None:
        """The letter with its codes masked, or None for one whose template or seal is broken."""
        try:
            return outbox.render(letter)
        except (TemplateDoesNotExist, TemplateSyntaxError, SealBroken):
            return None

    @admin.display(description=_("letter"))
    def letter(self, letter: Letter) -> str:
        return letter.title

    @admin.display(description=_("state"))
    def state_pill(self, letter: Letter) -> SafeString:
        kind = {"queued": "busy", "sent": "good", "failed": "bad", "moot": "quiet"}[letter.state]
        return pill(kind, letter.get_state_display())

    @admin.display(description=_("policy"))
    def policy_link(self, letter: Letter) -> str:
        return link(letter.policy)

    @admin.display(description=_("subject"))
    def subject(self, letter: Letter) -> str:
        rendered = self._rendered(letter)
        return rendered.subject if rendered else str(_("This letter cannot be rendered."))

    @admin.display(description=_("text"))
    def text(self, letter: Letter) -> SafeString:
        rendered = self._rendered(letter)
        return format_html('<pre class="letter">{}</pre>', rendered.text if rendered else "–")

    @admin.display(description=_("as the reader sees it"))
    def preview(self, letter: Letter) -> SafeString:
        return format_html(
            '<iframe class="letter" sandbox src="{}" title="{}"></iframe>',
            reverse("admin:letter_preview", args=[letter.pk]),
            _("Preview of the letter"),
        )

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().change_view(request, *args, **kwargs)
        response._csp_config = {**settings.SECURE_CSP, **PAGE_FRAMES}  # type: ignore[attr-defined]
        return response
