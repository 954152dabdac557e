"""Films, what they must show, and the binding permits that they open (B3, V1-V3)."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField

from policies.models.catalogue import DroneModel, Region
from policies.models.drone import Drone
from policies.models.policy import Policy


class VerificationStep(models.Model):
    """One thing that the film must show (V1): instruction to the customer, tick box for staff."""

    slug = models.SlugField(_("slug"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=120)
    text = models.TextField(_("text"))
    position = models.PositiveSmallIntegerField(_("position"))

    class Meta:
        verbose_name = _("step of the video verification")
        verbose_name_plural = _("steps of the video verification")
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.title


class BindingPermitQuerySet(models.QuerySet["BindingPermit"]):
    def open(self, *, at: datetime) -> "BindingPermitQuerySet":
        """Usable at `at`, whatever the sweep has marked so far; the deadline itself counts."""
        return self.filter(used_for=None, opened_at__lte=at, deadline_at__gte=at)

    def to_lapse(self, *, at: datetime) -> "BindingPermitQuerySet":
        """Past its deadline, unused, and not marked yet (V3)."""
        return self.filter(used_for=None, deadline_at__lt=at, lapsed_at=None)


class BindingPermit(models.Model):
    """Leave to bind a drone after its window has passed (B3): opened, dated, used once."""

    class Reason(models.TextChoices):
        VERIFICATION = "verification", _("Video verification approved")
        REPAIR = "repair", _("Official repair")

    drone = models.ForeignKey(Drone, on_delete=models.PROTECT, related_name="permits")
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    opened_at = models.DateTimeField(_("opened"))
    deadline_at = models.DateTimeField(_("deadline"))
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(_("note"), max_length=255, blank=True)
    lapsed_at = models.DateTimeField(_("lapsed"), null=True, blank=True)
    used_for = models.OneToOneField(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="permit"
    )

    objects = BindingPermitQuerySet.as_manager()

    class Meta:
        verbose_name = _("binding permit")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("grant_permit", "Can grant a binding permit after an official repair")]
        constraints = [
            models.CheckConstraint(
                condition=Q(deadline_at__gt=F("opened_at")), name="permit_deadline_after_opening"
            ),
            models.CheckConstraint(
                condition=Q(lapsed_at__isnull=True) | Q(used_for__isnull=True),
                name="permit_lapsed_unused",
            ),
        ]
        indexes = [
            models.Index(
                fields=["deadline_at", "id"],
                condition=Q(used_for__isnull=True, lapsed_at__isnull=True),
                name="permit_open_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.drone} until {self.deadline_at:%Y-%m-%d %H:%M} UTC"


class VideoVerification(models.Model):
    """A film that shows an activated drone in good order, so that it may still be bound (V1)."""

    class State(models.TextChoices):
        SUBMITTED = "submitted", _("To review")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        LAPSED = "lapsed", _("Lapsed")

    serial = models.CharField(_("serial number"), max_length=32)
    drone_model = models.ForeignKey(DroneModel, on_delete=models.PROTECT, related_name="+")
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"), max_length=254)
    country = CountryField(_("country"))
    # YouTube's own id of the film; links are made from it.
    video_id = models.CharField(_("video"), max_length=11)
    submitted_at = models.DateTimeField(_("submitted"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.SUBMITTED)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(_("rejected because"), max_length=500, blank=True)
    seen = models.JSONField(_("seen in the film"), default=list, blank=True)
    permit = models.OneToOneField(
        BindingPermit,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="verification",
    )

    class Meta:
        verbose_name = _("video verification")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("review_video", "Can approve and reject video verifications")]
        constraints = [
            models.UniqueConstraint(
                # Each e-mail has a place of its own: a stranger's film does not occupy the owner's.
                fields=["serial", "email"],
                condition=Q(state="submitted"),
                name="verification_one_open_per_drone_and_email",
                violation_error_message=_("A verification for this drone is waiting already."),
            ),
            models.CheckConstraint(
                condition=Q(state="submitted", decided_at__isnull=True, reason="")
                | Q(state="rejected", decided_at__isnull=False) & ~Q(reason="")
                | Q(state__in=["approved", "lapsed"], permit__isnull=False, reason=""),
                name="verification_state_complete",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "submitted_at", "id"], name="verification_queue_idx"),
            models.Index(fields=["serial"], name="verification_serial_idx"),
            models.Index(fields=["email"], name="verification_email_idx"),
        ]

    def __str__(self) -> str:
        return self.serial

    @property
    def video_url(self) -> str:
        return f"https://www.youtube.com/watch?v={self.video_id}"

    @property
    def embed_url(self) -> str:
        """The player that sets no cookies before it is started."""
        return f"https://www.youtube-nocookie.com/embed/{self.video_id}"
