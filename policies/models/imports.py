"""Imports: a file from its upload to the last row, and its history."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from policies.models.catalogue import DroneModel, Plan, Region
from policies.models.code import CodeBatch
from policies.models.event import Event


class ImportQuerySet(models.QuerySet["Import"]):
    def open(self) -> "ImportQuerySet":
        return self.filter(state__in=Import.OPEN)


class Import(models.Model):
    """A file that staff uploaded: checked, confirmed, imported.

    `stored_as` names the file in the storage while it is needed, and is empty afterwards:
    a supplier's list of codes is money, and a shop's list of orders is other people's data.
    While a worker has the row, `next_try_at` lies a lease ahead, so that the import of a
    killed worker simply falls due again.
    """

    class Kind(models.TextChoices):
        CODES = "codes", _("Activation codes")
        ORDERS = "orders", _("Orders")
        DRONES = "drones", _("Drones")
        FEES = "fees", _("Replacement fees")

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("Waiting to be checked")
        CHECKING = "checking", _("Being checked")
        CHECKED = "checked", _("To be confirmed")
        CONFIRMED = "confirmed", _("Waiting to be imported")
        IMPORTING = "importing", _("Being imported")
        DONE = "done", _("Imported")
        FAILED = "failed", _("Failed")
        DISCARDED = "discarded", _("Discarded")

    OPEN = ["uploaded", "checking", "checked", "confirmed", "importing"]
    # The worker's turn; the page reloads until it is done.
    RUNNING = ["uploaded", "checking", "confirmed", "importing"]

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.UPLOADED)
    stored_as = models.CharField(max_length=120, blank=True)
    file_name = models.CharField(_("file"), max_length=255)
    file_size = models.PositiveIntegerField(_("size (bytes)"))
    digest = models.CharField(max_length=64)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, related_name="+")
    drone_model = models.ForeignKey(
        DroneModel, on_delete=models.PROTECT, null=True, related_name="+"
    )
    region = models.ForeignKey(Region, on_delete=models.PROTECT, null=True, related_name="+")

    rows = models.PositiveIntegerField(_("rows"), default=0)
    bad = models.PositiveIntegerField(_("bad"), default=0)
    new = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    same = models.PositiveIntegerField(_("already the same"), default=0)
    differences = models.PositiveIntegerField(_("with a warning"), default=0)
    rows_done = models.PositiveIntegerField(_("rows looked through"), default=0)
    # What exactly was shown to the person who confirms: another outcome was not confirmed.
    fingerprint = models.CharField(max_length=32, blank=True)
    problems = models.JSONField(default=list, blank=True)
    changes = models.JSONField(default=list, blank=True)
    # Rows to be looked at: they differ from what is on file in something that the import does not
    # take over, or their serial number looks wrong.
    differing = models.JSONField(default=list, blank=True)
    # Where the table was found, in words, when it wasn't at the top of the first sheet.
    read_from = models.CharField(max_length=255, blank=True)
    # The encoding in which the file is read, where the file itself doesn't prove one. A guess
    # is shown with readings of some of its texts, and imports nothing before a person agrees.
    encoding = models.CharField(_("encoding"), max_length=20, blank=True)
    encoding_guessed = models.BooleanField(default=False)
    readings = models.JSONField(default=list, blank=True)
    unused_headings = models.JSONField(default=list, blank=True)
    errors_stored_as = models.CharField(max_length=120, blank=True)
    trouble = models.TextField(_("trouble"), blank=True)

    uploaded_at = models.DateTimeField(_("uploaded"))
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    skip_bad = models.BooleanField(_("leave out the bad rows"), default=False)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    batch = models.OneToOneField(
        CodeBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next try"), null=True, blank=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("import_drones", "Can import drones"),
            ("import_fees", "Can import replacement fees"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "digest"],
                condition=Q(finished_at__isnull=True),
                name="import_once_while_open",
                violation_error_message=_("This file has been uploaded already."),
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["codes", "orders", "drones", "fees"]),
                name="import_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind="codes",
                    plan__isnull=False,
                    drone_model__isnull=False,
                    region__isnull=False,
                )
                | ~Q(kind="codes")
                & Q(plan__isnull=True, drone_model__isnull=True, region__isnull=True),
                name="import_of_codes_has_catalogue",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["uploaded", "checking", "checked", "confirmed", "importing"],
                    finished_at__isnull=True,
                )
                & ~Q(stored_as="")
                | Q(
                    state__in=["done", "failed", "discarded"],
                    finished_at__isnull=False,
                    stored_as="",
                ),
                name="import_file_while_open",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["uploaded", "checking", "confirmed", "importing"],
                    next_try_at__isnull=False,
                )
                | Q(
                    state__in=["checked", "done", "failed", "discarded"],
                    next_try_at__isnull=True,
                ),
                name="import_due_while_running",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["uploaded", "checking", "checked"],
                    confirmed_at__isnull=True,
                    skip_bad=False,
                )
                | Q(state__in=["confirmed", "importing", "done"], confirmed_at__isnull=False)
                & ~Q(fingerprint="")
                | Q(state__in=["failed", "discarded"]),
                name="import_confirmed_has_date",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["confirmed", "importing", "done"])
                | Q(bad=0)
                | Q(skip_bad=True),
                name="import_bad_rows_left_out_knowingly",
            ),
            models.CheckConstraint(
                condition=Q(rows=F("bad") + F("new") + F("changed") + F("same")),
                name="import_counts_add_up",
            ),
            models.CheckConstraint(
                condition=Q(encoding_guessed=False)
                | ~Q(encoding="") & ~Q(state__in=["confirmed", "importing", "done"]),
                name="import_in_a_chosen_encoding",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(trouble=""), name="import_failed_says_why"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"],
                condition=Q(next_try_at__isnull=False),
                name="import_due_idx",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def good(self) -> int:
        return self.new + self.changed + self.same

    @property
    def is_running(self) -> bool:
        return self.state in self.RUNNING


class ImportEvent(Event):
    class Kind(models.TextChoices):
        UPLOADED = "uploaded", _("Uploaded")
        CHECKED = "checked", _("Checked")
        ENCODING = "encoding", _("Encoding chosen")
        CONFIRMED = "confirmed", _("Confirmed")
        BOOKS_CHANGED = "books_changed", _("Checked again: the data had changed meanwhile")
        DONE = "done", _("Imported")
        FAILED = "failed", _("Failed")
        DISCARDED = "discarded", _("Discarded")

    of = models.ForeignKey(Import, on_delete=models.PROTECT, related_name="events")
