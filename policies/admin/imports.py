"""Files that staff bring: uploaded from the list that they fill, previewed, confirmed."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from policies.admin.forms import CatalogueForm
from policies.backoffice import exports
from policies.backoffice.cells import link, pill
from policies.backoffice.operations import Done, Operation
from policies.backoffice.records import EventInline, RecordAdmin
from policies.imports import encodings, storage, uploads
from policies.imports.spreadsheet import UnreadableFile
from policies.imports.steps import PERMISSION, PERMISSION_TO_CHANGE
from policies.models import Import, ImportEvent
from policies.rules.text import Text

State = Import.State
# Seconds after which a page that waits for the worker looks again by itself.
REFRESH = 3


class FileForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        help_text=_(
            "CSV or XLSX with a row of headings. Models, plans, regions and countries go by their "
            "codes (mavic-2-pro, care-1y, US, DE) or by their names as our pages show them."
        ),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
        error_messages={"empty": _("The file is empty."), "required": _("Please choose a file.")},
    )

    def clean_file(self) -> "UploadedFile[Any]":
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > settings.IMPORT_MAX_MB * 1024 * 1024:
            raise ValidationError(
                _("Please upload at most %(limit)d MB, or split the file."),
                params={"limit": settings.IMPORT_MAX_MB},
            )
        return file

    def catalogue(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "file"}


class CodeFileForm(CatalogueForm, FileForm):
    field_order = ["plan", "drone_model", "region", "file"]


class ConfirmForm(forms.Form):
    fingerprint = forms.CharField(max_length=32, widget=forms.HiddenInput)


class EncodingForm(forms.Form):
    """How the same texts read in each encoding: the person who knows the names sees it."""

    encoding = forms.ChoiceField(
        label=_("Encoding"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Please choose the encoding in which the names are right."),
            "invalid_choice": _("Please choose an encoding from the list."),
        },
    )

    def __init__(self, data: Any = None, *, imported: Import) -> None:
        super().__init__(data, initial={"encoding": imported.encoding})
        self.fields["encoding"].choices = [  # type: ignore[attr-defined]
            (one["encoding"], f"{encodings.CHOICES[one['encoding']]}: {one['text']}".rstrip(": "))
            for one in imported.readings
        ]


class UploadFile(Operation):
    """The base of the four: from which list, under which permission, with which columns."""

    kind: ClassVar[Import.Kind]
    form_class = FileForm

    def run(self, form: Any) -> Done:
        data = uploads.Upload(self.kind, form.cleaned_data["file"], form.catalogue())
        try:
            imported, is_new = uploads.upload(data, actor=self.actor, now=self.now)
        except UnreadableFile as error:
            raise ValidationError({"file": error.message}) from error
        if not is_new:
            return Done(_("This file has been uploaded already."), go_to=imported)
        if imported.state == State.CHECKED:
            message = _("The file is checked. Nothing is imported until you confirm it.")
        else:
            message = _("The file is uploaded. It is being checked now.")
        return Done(message, go_to=imported)


class UploadCodes(UploadFile):
    slug = "import-codes"
    label = _("Import codes")
    explanation = _(
        "The supplier's list: a column headed “code”, or the first column. You see first what "
        "the file would do. It is kept until it is imported or discarded, and then deleted."
    )
    kind = Import.Kind.CODES
    permission = PERMISSION[Import.Kind.CODES]
    form_class = CodeFileForm


class UploadOrders(UploadFile):
    slug = "import-orders"
    label = _("Import orders")
    explanation = _(
        "Columns by heading: reference, serial, model, plan, name, email, country and, where "
        "known, phone, placed_at, shipped_at. An order that is on file gets its shipment. "
        "You see first what the file would do."
    )
    kind = Import.Kind.ORDERS
    permission = PERMISSION[Import.Kind.ORDERS]


class UploadDrones(UploadFile):
    slug = "import-drones"
    label = _("Import drones")
    explanation = _(
        "Columns by heading: serial, model and, where known, activated_at (UTC). "
        "You see first what the file would do; a manager confirms one that changes activations."
    )
    kind = Import.Kind.DRONES
    permission = PERMISSION[Import.Kind.DRONES]


class UploadFees(UploadFile):
    slug = "import-fees"
    label = _("Import fees")
    explanation = _(
        "Columns by heading: model, region, ordinal, amount, valid_from and, as a check, "
        "currency. You see first what the file would do."
    )
    kind = Import.Kind.FEES
    permission = PERMISSION[Import.Kind.FEES]


class Confirm(Operation):
    slug = "confirm"
    label = _("Import the good rows")
    template = "admin/import_confirm.html"

    def permitted(self) -> bool:
        needed = [PERMISSION[self.obj.kind]]
        if self.obj.changed and self.obj.kind in PERMISSION_TO_CHANGE:
            needed.append(PERMISSION_TO_CHANGE[self.obj.kind])
        return self.request.user.has_perms(needed)

    def open(self) -> bool:
        would_do = bool(self.obj.new + self.obj.changed)
        return self.obj.state == State.CHECKED and would_do and not self.obj.encoding_guessed

    def form(self, data: Any = None) -> forms.Form:
        return ConfirmForm(data, initial={"fingerprint": self.obj.fingerprint})

    def run(self, form: Any) -> Done:
        fingerprint = form.cleaned_data["fingerprint"]
        uploads.confirm(self.obj, fingerprint=fingerprint, actor=self.actor, now=self.now)
        return Done(self._message(), go_to=self.obj)

    def _message(self) -> Text:
        if self.obj.state == State.CONFIRMED:
            return _("Confirmed. The import begins in a moment.")
        if self.obj.state != State.DONE:
            return str(self.obj.trouble)
        written = self.obj.new + self.obj.changed
        message = ngettext("%(count)d row is imported.", "%(count)d rows are imported.", written)
        return message % {"count": written}


class ReadAs(Operation):
    slug = "read-as"
    asks_again = False
    label = _("Choose the encoding")
    explanation = _(
        "The file is not UTF-8. Choose the line in which the names are right; the file is checked "
        "again in that encoding, and nothing is imported before."
    )

    def permitted(self) -> bool:
        return self.request.user.has_perm(PERMISSION[self.obj.kind])

    def open(self) -> bool:
        return self.obj.state == State.CHECKED and bool(self.obj.encoding)

    def form(self, data: Any = None) -> forms.Form:
        return EncodingForm(data, imported=self.obj)

    def run(self, form: Any) -> Done:
        encoding = form.cleaned_data["encoding"]
        uploads.choose_encoding(self.obj, encoding=encoding, actor=self.actor, now=self.now)
        message = _("The file is read as %(encoding)s.")
        return Done(message % {"encoding": encodings.CHOICES[encoding]}, go_to=self.obj)


class Discard(Operation):
    slug = "discard"
    label = _("Discard")
    explanation = _("Nothing of the file is imported, and the file is deleted.")
    dangerous = True

    def permitted(self) -> bool:
        return self.request.user.has_perm(PERMISSION[self.obj.kind])

    def open(self) -> bool:
        return self.obj.state in Import.OPEN and self.obj.state != State.IMPORTING

    def run(self, form: Any) -> Done:
        uploads.discard(self.obj, actor=self.actor, now=self.now)
        return Done(_("The import is discarded, and its file deleted."))


class ImportHistory(EventInline):
    model = ImportEvent


PILLS = {
    State.CHECKED: "busy",
    State.DONE: "good",
    State.FAILED: "bad",
    State.DISCARDED: "quiet",
}


@admin.register(Import)
class ImportAdmin(RecordAdmin):
    list_display = ["file_name", "kind", "state_pill", "rows", "bad", "uploaded_at", "uploaded_by"]
    list_filter = ["kind", "state"]
    list_select_related = ["uploaded_by"]
    sortable_by = ()
    fields = ["kind", "state_pill", "uploaded_at", "uploaded_by", "confirmed_at", "confirmed_by"]
    readonly_fields = ["state_pill"]
    change_form_template = "admin/import.html"
    operations = (Confirm, ReadAs, Discard)
    list_operations = (UploadCodes, UploadOrders, UploadDrones, UploadFees)
    inlines = [ImportHistory]

    def get_urls(self) -> list[URLPattern]:
        errors = self.admin_site.admin_view(self.errors_view)
        name = f"{self.url_base}_errors"
        return [path("<path:object_id>/errors/", errors, name=name), *super().get_urls()]

    def page_facts(self, request: HttpRequest, obj: Import) -> dict[str, Any]:
        return super().page_facts(request, obj) | {
            "imported": obj,
            "state": self.state_pill(obj),
            "encoding": encodings.CHOICES.get(obj.encoding, ""),
            "reading": self._reading(obj),
            "rows_done": uploads.rows_done(obj),
            "batch": link(obj.batch) if obj.batch else "",
            "needs_a_manager": self._needs_a_manager(request, obj),
        }

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = super().render_change_form(request, context, *args, **kwargs)
        if context["imported"].is_running:
            response["Refresh"] = str(REFRESH)
        return response

    def _reading(self, imported: Import) -> str:
        texts = (one["text"] for one in imported.readings if one["encoding"] == imported.encoding)
        return next(texts, "")

    def _needs_a_manager(self, request: HttpRequest, imported: Import) -> bool:
        confirm = Confirm(request, imported)
        return confirm.open() and not confirm.permitted()

    def errors_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """What is wrong with a file, line by line, to correct it in a spreadsheet."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        imported = self.get_object(request, object_id)
        if imported is None or not imported.errors_stored_as:
            raise Http404
        headings = [_("line"), _("what is wrong"), _("the row")]
        return exports.as_csv(f"errors-{imported.pk}", headings, storage.errors_of(imported))

    @admin.display(description=_("state"))
    def state_pill(self, imported: Import) -> SafeString:
        return pill(PILLS.get(State(imported.state), "busy"), imported.get_state_display())
