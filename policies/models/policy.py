"""Policies, their periods and the ledger of their replacements (P3, P4, B4, E1, K4)."""

from datetime import datetime

from django.db import models
from django.db.models import Count, ExpressionWrapper, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from policies.models.catalogue import Plan, Region
from policies.models.code import ActivationCode
from policies.models.cover_terms import CoverTerms
from policies.models.customer import Customer
from policies.models.drone import Drone
from policies.models.event import Event
from policies.rules import terms
from policies.rules.reference_numbers import random_name
from policies.rules.terms import Stage


def new_policy_number() -> str:
    return f"POL-{random_name(8)}"


# In force (P3, E1) has one meaning, `terms.stage`, and three forms: `Policy.stage` for one
# policy, `Policy.objects.in_force` for a query, and this SQL for the sweeps, about the policy
# with the alias `p` at %(now)s. tests/policies/models/test_policy.py holds them together.
REPLACEMENT_LEFT_SQL = """
    (SELECT COALESCE(SUM(e.replacements), 0) FROM policies_period e WHERE e.policy_id = p.id)
    > (SELECT COUNT(*) FROM policies_allowanceuse u
       WHERE u.policy_id = p.id AND u.given_back_at IS NULL)
"""
IN_FORCE_SQL = f"""
    p.status <> 'cancelled' AND p.starts_at <= %(now)s AND p.ends_at > %(now)s
    AND {REPLACEMENT_LEFT_SQL}
"""


def _in_term(at: datetime) -> Q:
    return ~Q(status="cancelled") & Q(starts_at__lte=at, ends_at__gt=at)


class PolicyQuerySet(models.QuerySet["Policy"]):
    def with_allowance(self) -> "PolicyQuerySet":
        """Annotates `granted` and `used`, counted from the periods and the ledger."""
        granted = Period.objects.filter(policy=OuterRef("pk")).order_by().values("policy")
        used = AllowanceUse.objects.live().filter(policy=OuterRef("pk")).order_by().values("policy")
        return self.annotate(
            granted=Coalesce(Subquery(granted.annotate(n=Sum("replacements")).values("n")), 0),
            used=Coalesce(Subquery(used.annotate(n=Count("*")).values("n")), 0),
        )

    def counting(self) -> "PolicyQuerySet":
        """Those that a drone has had (B4): not the ones cancelled before they began."""
        return self.exclude(status=Policy.Status.CANCELLED, cancelled_at__lt=F("starts_at"))

    def of_present_life(self) -> "PolicyQuerySet":
        """Those of their drones' present lives (B6), the one that is not cancelled first.

        A drone that comes as a replacement may have had other policies, also begun later.
        """
        present = self.filter(drone_life=F("drone__life"))
        return present.order_by(F("cancelled_at").asc(nulls_first=True), "-starts_at")

    def in_term(self, *, at: datetime) -> "PolicyQuerySet":
        """Begun, not cancelled and not over at `at`, whether or not a replacement is left (P3)."""
        return self.filter(_in_term(at))

    def with_in_force(self, *, at: datetime) -> "PolicyQuerySet":
        """Annotates `granted`, `used` and `in_force`: usable at `at` (P3, E1)."""
        usable = _in_term(at) & Q(granted__gt=F("used"))
        in_force = ExpressionWrapper(usable, output_field=models.BooleanField())
        return self.with_allowance().annotate(in_force=in_force)

    def in_force(self, *, at: datetime) -> "PolicyQuerySet":
        """Usable at `at`: within the term, with a replacement left (P3, E1)."""
        return self.with_in_force(at=at).filter(in_force=True)  # type: ignore[misc]

    def at_stage(self, stage: Stage, *, at: datetime) -> "PolicyQuerySet":
        """Those that `Policy.stage` puts at this stage, whatever a sweep has marked (E1)."""
        alive = self.exclude(status=Policy.Status.CANCELLED)
        match stage:
            case Stage.CANCELLED:
                return self.filter(status=Policy.Status.CANCELLED)
            case Stage.NOT_STARTED:
                return alive.filter(starts_at__gt=at)
            case Stage.ENDED:
                return alive.filter(starts_at__lte=at, ends_at__lte=at)
            case Stage.IN_FORCE:
                return self.in_force(at=at)
            case Stage.USED_UP:
                counted = self.in_term(at=at).with_allowance()
                return counted.filter(used__gte=F("granted"))  # type: ignore[misc]


class Policy(models.Model):
    """A plan in the life of one drone.

    `ends_at` repeats the end of the last period, so that one row and one small index
    answer the sweep; binding and renewal write both in one transaction.
    """

    class Status(models.TextChoices):
        """What the sweeps have marked. Only "cancelled" decides; the rest follows dates (E1)."""

        SCHEDULED = "scheduled", _("Begins soon")
        ACTIVE = "active", _("Active")
        EXPIRED = "expired", _("Expired")
        CANCELLED = "cancelled", _("Cancelled")

    number = models.CharField(_("number"), max_length=12, default=new_policy_number)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    drone = models.ForeignKey(Drone, on_delete=models.PROTECT, related_name="policies")
    drone_life = models.PositiveSmallIntegerField(_("life of the drone"), default=1)
    holder = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="policies")
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.ACTIVE)
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    cancel_reason = models.CharField(_("cancelled because"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("created"))

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = _("policies")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("bind_policy", "Can bind a policy to a drone at the desk"),
            ("renew_policy", "Can sell a renewal at the desk"),
            ("transfer_policy", "Can move a policy to a new owner"),
            ("cancel_policy", "Can cancel a policy"),
            ("correct_serial", "Can correct the serial number of a policy's drone"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["number"], name="policy_number_once"),
            # By the life of the drone and never by a sweep's mark, which may come late: a drone
            # sold as refurbished may get its next policy before the last one is marked (B6, E1).
            models.UniqueConstraint(
                fields=["drone", "drone_life"],
                # One cancelled before it began does not count (B9).
                condition=~Q(status="cancelled", cancelled_at__lt=F("starts_at")),
                name="policy_one_per_life_of_a_drone",
                violation_error_message=_("This drone has already had a care plan."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="policy_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(status="cancelled", cancelled_at__isnull=False) & ~Q(cancel_reason="")
                | ~Q(status="cancelled") & Q(cancelled_at__isnull=True, cancel_reason=""),
                name="policy_cancelled_has_reason",
                violation_error_message=_("A cancelled policy needs a reason."),
            ),
            models.CheckConstraint(
                condition=Q(status__in=["scheduled", "active", "expired", "cancelled"]),
                name="policy_status_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["ends_at", "id"], condition=Q(status="active"), name="policy_due_idx"
            ),
            # What begins next, and what a sweep has marked too early: each sweep asks for them.
            models.Index(
                fields=["starts_at", "id"], condition=Q(status="scheduled"), name="policy_begin_idx"
            ),
            models.Index(
                fields=["starts_at", "id"], condition=Q(status="active"), name="policy_begun_idx"
            ),
            models.Index(
                fields=["ends_at", "id"], condition=Q(status="expired"), name="policy_ended_idx"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def granted_replacements(self) -> int:
        return sum(period.replacements for period in self.periods.all())

    def used_replacements(self) -> int:
        return sum(1 for use in self.uses.all() if use.given_back_at is None)

    def cover_terms(self) -> CoverTerms:
        """Parts, exclusions and warranty as they were sold with the plan; a renewal prolongs them.

        Raises ValueError for a policy without a period, which no verb makes.
        """
        first = min(self.periods.all(), key=lambda period: period.number)
        return first.cover_terms

    def replacements_left(self) -> int:
        return self.granted_replacements() - self.used_replacements()

    def stage(self, *, at: datetime, replacements_left: int | None = None) -> Stage:
        """Computed from dates and ledger, whatever the sweep has marked so far (E1).

        `replacements_left` is for lists that have counted it already (`with_allowance`).
        """
        return terms.stage(
            self.starts_at,
            self.ends_at,
            cancelled=self.status == self.Status.CANCELLED,
            replacements_left=(
                self.replacements_left() if replacements_left is None else replacements_left
            ),
            at=at,
        )

    def is_in_force(self, *, at: datetime) -> bool:
        return self.stage(at=at) is Stage.IN_FORCE

    def is_over(self, *, at: datetime) -> bool:
        """Cancelled, past its term, or used up (P3): neither in force nor still to begin."""
        return self.stage(at=at) not in {Stage.NOT_STARTED, Stage.IN_FORCE}


class Period(models.Model):
    """A stretch of a policy's term under the terms it was sold with: the plan, then its renewal."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="periods")
    number = models.PositiveSmallIntegerField(_("number"), default=1)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    code = models.OneToOneField(
        ActivationCode,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="period",
        error_messages={"unique": _("This code has been used.")},
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    months = models.PositiveSmallIntegerField(_("months"))
    replacements = models.PositiveSmallIntegerField(_("replacements"))
    warranty_months = models.PositiveSmallIntegerField(_("extra warranty (months)"), default=0)
    binding_window_hours = models.PositiveSmallIntegerField(_("binding window (hours)"))
    cover_terms = models.ForeignKey(
        CoverTerms, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        ordering = ["policy", "number"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="period_number_once"),
            # The plan and one renewal: Refresh + is bought once per policy (R1).
            models.CheckConstraint(condition=Q(number__in=[1, 2]), name="period_one_renewal"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="period_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} {self.number}"


class PolicyEvent(Event):
    class Kind(models.TextChoices):
        BOUND = "bound", _("Bound to a drone")
        LINK_SENT = "link_sent", _("Link sent to the holder")
        LINK_REVOKED = "link_revoked", _("Link revoked")
        USE_TAKEN = "use_taken", _("Replacement taken from the allowance")
        USE_GIVEN_BACK = "use_given_back", _("Replacement given back to the allowance")
        MOVED = "moved", _("Moved to a replacement drone")
        SERIAL_CORRECTED = "serial_corrected", _("Serial number corrected")
        SCHEDULED = "scheduled", _("Made for an order")
        RESCHEDULED = "rescheduled", _("Moved with its shipment")
        ORDER_CORRECTED = "order_corrected", _("Corrected with its order")
        ACTIVATED = "activated", _("Begun")
        RENEWED = "renewed", _("Renewed")
        TRANSFERRED = "transferred", _("Moved to a new owner")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("Expired")
        UNEXPIRED = "unexpired", _("Marked as expired too early: taken back")
        UNBEGUN = "unbegun", _("Marked as begun too early: taken back")

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="events")

    @property
    def change(self) -> str:
        if self.kind == self.Kind.TRANSFERRED:
            return str(_("customer %(from)s → customer %(to)s") % self.data)
        return super().change


class AllowanceUseQuerySet(models.QuerySet["AllowanceUse"]):
    def live(self) -> "AllowanceUseQuerySet":
        return self.filter(given_back_at__isnull=True)


class AllowanceUse(models.Model):
    """One replacement taken from a policy's allowance: the ledger (K4).

    `reference` is the claim's number. `ordinal` says which replacement it is; a trigger
    refuses one beyond what the periods grant, so the allowance cannot be overdrawn.
    """

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="uses")
    ordinal = models.PositiveSmallIntegerField(_("ordinal"))
    reference = models.CharField(_("reference"), max_length=32)
    taken_at = models.DateTimeField(_("taken"))
    given_back_at = models.DateTimeField(_("given back"), null=True, blank=True)

    objects = AllowanceUseQuerySet.as_manager()

    class Meta:
        verbose_name = _("replacement used")
        verbose_name_plural = _("replacements used")
        ordering = ["policy", "taken_at"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="use_reference_once"),
            models.UniqueConstraint(
                fields=["policy", "ordinal"],
                condition=Q(given_back_at__isnull=True),
                name="use_ordinal_once",
            ),
            models.CheckConstraint(condition=Q(ordinal__gte=1), name="use_ordinal_positive"),
            models.CheckConstraint(
                condition=Q(given_back_at__isnull=True) | Q(given_back_at__gte=F("taken_at")),
                name="use_given_back_after_taken",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ordinal} ({self.reference})"
