from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField

from policies.models import Cause, Drone, Event, Policy
from policies.rules import money
from policies.rules.reference_numbers import random_name


class Progress(models.TextChoices):
    """Where a claim stands, in the words that the customer reads."""

    SUBMITTED = "submitted", _("Request received")
    LABEL_SENT = "label_sent", _("Shipping label sent")
    IN_TRANSIT = "in_transit", _("On its way to us")
    RECEIVED = "received", _("Arrived at the service centre")
    PARTS_MISSING = "parts_missing", _("Waiting for missing parts")
    ASSESSED = "assessed", _("Damage assessed")
    AWAITING_FEE = "awaiting_fee", _("Waiting for the replacement fee")
    PREPARING = "preparing", _("Preparing your replacement")
    SHIPPED = "shipped", _("Replacement on its way")
    COMPLETED = "completed", _("Completed")
    RETURNING = "returning", _("Your drone is on its way back")
    RETURNED = "returned", _("Returned")
    DECLINED = "declined", _("Declined")
    CANCELLED = "cancelled", _("Cancelled")
    LAPSED = "lapsed", _("Lapsed")


CLOSED = ["completed", "returned", "declined", "cancelled", "lapsed"]
# Where no replacement comes, and nothing is to be paid.
WITHOUT_REPLACEMENT = ["returning", "returned", "declined", "cancelled", "lapsed"]


class Outcome(models.TextChoices):
    CARE = "care", _("Covered by the care plan")
    WARRANTY = "warranty", _("Covered by the manufacturer's warranty")
    NOT_COVERED = "not_covered", _("Not covered")
    NEEDS_REVIEW = "needs_review", _("Needs a closer look")


COVERED = {Outcome.CARE, Outcome.WARRANTY}


def new_claim_number() -> str:
    return f"CLM-{random_name(8)}"


class ClaimQuerySet(models.QuerySet["Claim"]):
    def open(self) -> "ClaimQuerySet":
        return self.exclude(progress__in=CLOSED)


class Claim(models.Model):
    """One repair request and all that follows. Only `moves.py` writes `progress`."""

    number = models.CharField(_("number"), max_length=12, default=new_claim_number)
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+")
    drone = models.ForeignKey(Drone, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"), max_length=254)
    cause = models.CharField(_("cause"), max_length=30, choices=Cause)
    happened_on = models.DateField(_("day of the damage"))
    description = models.TextField(_("what happened"), max_length=4000)
    parts = models.JSONField(_("parts to be sent"), default=list)
    line1 = models.CharField(_("address line 1"), max_length=120)
    line2 = models.CharField(_("address line 2"), max_length=120, blank=True)
    city = models.CharField(_("city"), max_length=80)
    state = models.CharField(_("state or province"), max_length=80, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    country = CountryField(_("country"))
    submitted_at = models.DateTimeField(_("submitted"))

    progress = models.CharField(
        _("progress"), max_length=15, choices=Progress, default=Progress.SUBMITTED
    )
    progress_at = models.DateTimeField(_("since"))
    # What the customer has time for counts from here: the first time that the claim came to where
    # it stands, although the step was taken back meanwhile and taken again (K6).
    waits_since = models.DateTimeField(_("time counts from"))
    outcome = models.CharField(_("decision"), max_length=15, choices=Outcome)
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    ordinal = models.PositiveSmallIntegerField(_("replacement no."), null=True, blank=True)
    fee_amount = models.DecimalField(
        _("fee"), max_digits=12, decimal_places=money.PLACES, null=True, blank=True
    )
    fee_currency = models.CharField(_("currency"), max_length=3, blank=True)

    cause_found = models.CharField(_("cause found"), max_length=30, choices=Cause, blank=True)
    parts_received = models.JSONField(_("parts received"), default=list, blank=True)
    parts_damaged = models.JSONField(_("parts damaged"), default=list, blank=True)
    replacement = models.ForeignKey(
        Drone, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = ClaimQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("decide_claim", "Can accept and decline claims, and overrule a decision"),
            ("handle_claim", "Can move claims: received, assessed, shipped and so on"),
            ("record_payment", "Can record replacement fees and refunds"),
            ("undo_claim", "Can take back the last step of a claim"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["number"], name="claim_number_once"),
            models.UniqueConstraint(
                fields=["drone"],
                condition=~Q(progress__in=CLOSED),
                name="claim_one_open_per_drone",
                violation_error_message=_("There is an open claim for this drone."),
            ),
            models.CheckConstraint(
                condition=Q(progress__in=Progress.values), name="claim_progress_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="claim_outcome_known"
            ),
            # A replacement and its fee are fixed together; what is past the label was accepted.
            models.CheckConstraint(
                # NULL >= 1 is neither true nor false, and would pass.
                condition=Q(ordinal__isnull=True, fee_amount__isnull=True, fee_currency="")
                | Q(ordinal__isnull=False, fee_amount__isnull=False)
                & Q(ordinal__gte=1, fee_amount__gte=0)
                & ~Q(fee_currency=""),
                name="claim_fee_with_ordinal",
            ),
            models.CheckConstraint(
                # What was cancelled before and arrives all the same goes back as it came (K15).
                condition=Q(
                    progress__in=["submitted", "declined", "cancelled", "returning", "returned"]
                )
                | Q(accepted_at__isnull=False),
                name="claim_moves_on_accepted",
            ),
            models.CheckConstraint(
                condition=~Q(progress="awaiting_fee") | Q(fee_amount__isnull=False),
                name="claim_awaits_known_fee",
            ),
            models.CheckConstraint(
                condition=~Q(progress__in=["shipped", "completed"]) | Q(replacement__isnull=False),
                name="claim_shipped_has_drone",
            ),
        ]
        indexes = [
            # Both queues and chasing: where a claim stands, and since when.
            models.Index(fields=["progress", "progress_at", "id"], name="claim_queue_idx"),
            models.Index(fields=["email", "-id"], name="claim_email_idx"),
            models.Index(fields=["submitted_at", "id"], name="claim_submitted_idx"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_open(self) -> bool:
        return self.progress not in CLOSED

    @property
    def ended_at(self) -> datetime | None:
        return None if self.is_open else self.progress_at

    def decisions_that_stand(self) -> "list[Decision]":
        """Oldest first: without those on a late parcel or on what was found, if taken back.

        What is found is decided anew with each assessment (K7, K10, K15).
        """
        is_taken_up = self.progress not in {Progress.CANCELLED, Progress.LAPSED}
        on_request: list[Decision] = []
        on_found: list[Decision] = []
        for decision in sorted(self.decisions.all(), key=lambda decision: decision.pk):
            if decision.kind == Decision.Kind.TAKEN_UP:
                if is_taken_up and decision.at == self.accepted_at:
                    on_request.append(decision)
            elif decision.kind == Decision.Kind.ASSESSED:
                on_found = [decision]
            else:
                (on_found or on_request).append(decision)
        return on_request + on_found if self.cause_found else on_request


class ClaimEvent(Event):
    """One line of a claim's history; `note` is for staff, `public_note` for the customer (K10)."""

    class Kind(models.TextChoices):
        MOVED = "moved", _("Progress")
        UNDONE = "undone", _("Step taken back")
        ACCEPTED = "accepted", _("Accepted")
        PAID = "paid", _("Payment received")
        REFUNDED = "refunded", _("Payment refunded")
        REVERSED = "reversed", _("Payment reversed")
        NOTED = "noted", _("Note")
        CORRECTED = "corrected", _("Corrected")
        LINK_SENT = "link_sent", _("Link sent to the customer")
        LINK_REVOKED = "link_revoked", _("Link revoked")

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="events")
    before = models.CharField(_("from"), max_length=15, blank=True, choices=Progress)
    after = models.CharField(_("to"), max_length=15, blank=True, choices=Progress)
    public_note = models.TextField(_("note to the customer"), blank=True)

    @property
    def change(self) -> str:
        if not self.after:
            return ""
        states = [Progress(state).label for state in (self.before, self.after) if state]
        return " → ".join(str(label) for label in states)


class Decision(Event):
    """What was decided, when and why: at intake, overruled, or as assessed (K2, K7)."""

    class Kind(models.TextChoices):
        INTAKE = "intake", _("From the request")
        OVERRULED = "overruled", _("Overruled by staff")
        ASSESSED = "assessed", _("From what arrived")
        TAKEN_UP = "taken_up", _("When the parcel came late")

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="decisions")
    outcome = models.CharField(_("outcome"), max_length=15, choices=Outcome)
    # [{"rule": "P7", "code": …, "text": …, "objects": true} …]
    reasons = models.JSONField(_("reasons"), default=list)

    @property
    def change(self) -> str:
        return str(Outcome(self.outcome).label)


class Photo(models.Model):
    """A picture of the damage: re-encoded, without its metadata, for staff only (K1)."""

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="photos")
    image = models.FileField(_("image"), upload_to="claims/photos/")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()

    class Meta:
        ordering = ["id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.width} x {self.height}"
