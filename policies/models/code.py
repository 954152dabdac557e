"""Activation codes and their batches: states, terms and history (C1, C2, C4, P4)."""

from typing import NamedTuple

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import ExpressionWrapper, Q
from django.utils.translation import gettext_lazy as _

from policies.models.catalogue import DroneModel, Plan, Region
from policies.models.cover_terms import CoverTerms
from policies.models.event import Event
from policies.models.sale import Sale


class SoldTerms(NamedTuple):
    """What a code, or a plan with its drone, was sold under (P4)."""

    months: int
    replacements: int
    warranty_months: int
    binding_window_hours: int
    cover_terms_id: int | None = None


class CodeBatch(models.Model):
    class Origin(models.TextChoices):
        GENERATED = "generated", _("Generated here")
        IMPORTED = "imported", _("Imported from a supplier")

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    drone_model = models.ForeignKey(DroneModel, on_delete=models.PROTECT, related_name="+")
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    origin = models.CharField(_("origin"), max_length=10, choices=Origin)
    size = models.PositiveIntegerField(_("codes"), validators=[MinValueValidator(1)])
    source = models.CharField(_("source file"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("created"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    actor = models.CharField(_("created by"), max_length=150)

    class Meta:
        verbose_name = _("batch of codes")
        verbose_name_plural = _("batches of codes")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("generate_codes", "Can generate a batch of activation codes"),
            ("import_codes", "Can import a supplier's activation codes"),
            ("void_batch", "Can void a whole batch of activation codes"),
        ]

    def __str__(self) -> str:
        return f"{self.plan}, {self.drone_model}, {self.region} (#{self.pk})"


class ActivationCodeQuerySet(models.QuerySet["ActivationCode"]):
    def with_redeemed(self) -> "ActivationCodeQuerySet":
        """Annotates `redeemed`: a code is redeemed because a policy's period holds it."""
        held = Q(period__isnull=False)
        return self.annotate(redeemed=ExpressionWrapper(held, output_field=models.BooleanField()))

    def in_stock(self) -> "ActivationCodeQuerySet":
        return self.filter(state=ActivationCode.State.IN_STOCK)

    def redeemable(self) -> "ActivationCodeQuerySet":
        return self.filter(state=ActivationCode.State.SOLD, period__isnull=True)


class ActivationCode(models.Model):
    """A bearer code worth one plan for one model in one region.

    The code itself is never stored: `digest` finds it, `sealed` holds it encrypted (C4).
    Who bought it and when, its sale says (C7).
    From the sale on the row keeps the terms it was sold under (P4).
    """

    class State(models.TextChoices):
        IN_STOCK = "in_stock", _("In stock")
        SOLD = "sold", _("Sold")
        VOID = "void", _("Void")

    batch = models.ForeignKey(CodeBatch, on_delete=models.PROTECT, related_name="codes")
    # 128 bits of the keyed digest: a uuid column takes a third of the room of a text one.
    digest = models.UUIDField(editable=False)
    sealed = models.BinaryField(editable=False)
    key_id = models.CharField(_("sealed with key"), max_length=16, editable=False)
    last_four = models.CharField(_("last four"), max_length=4)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.IN_STOCK)
    sale = models.ForeignKey(
        Sale, on_delete=models.PROTECT, null=True, blank=True, related_name="codes"
    )
    months = models.PositiveSmallIntegerField(_("months sold"), null=True, blank=True)
    replacements = models.PositiveSmallIntegerField(_("replacements sold"), null=True, blank=True)
    warranty_months = models.PositiveSmallIntegerField(
        _("extra warranty sold (months)"), null=True, blank=True
    )
    binding_window_hours = models.PositiveSmallIntegerField(
        _("binding window sold (hours)"), null=True, blank=True
    )
    cover_terms = models.ForeignKey(
        CoverTerms,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    void_reason = models.CharField(_("void because"), max_length=255, blank=True)

    objects = ActivationCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("activation code")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("sell_code", "Can sell activation codes"),
            ("reveal_code", "Can see a whole activation code"),
            ("void_code", "Can void activation codes"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="code_digest_once"),
            models.CheckConstraint(
                condition=Q(state="in_stock", sale__isnull=True)
                | Q(state="sold", sale__isnull=False)
                | Q(state="void"),
                name="code_sold_has_sale",
            ),
            models.CheckConstraint(
                condition=Q(
                    sale__isnull=True,
                    months__isnull=True,
                    replacements__isnull=True,
                    warranty_months__isnull=True,
                    binding_window_hours__isnull=True,
                    cover_terms__isnull=True,
                )
                | Q(
                    sale__isnull=False,
                    # A comparison with NULL is not false, and would let the row pass.
                    months__isnull=False,
                    months__gt=0,
                    replacements__isnull=False,
                    warranty_months__isnull=False,
                    binding_window_hours__isnull=False,
                    binding_window_hours__gt=0,
                    cover_terms__isnull=False,
                ),
                name="code_sold_with_terms",
            ),
            models.CheckConstraint(
                condition=(Q(state="void") & ~Q(void_reason=""))
                | (~Q(state="void") & Q(void_reason="")),
                name="code_void_has_reason",
                violation_error_message=_("A void code needs a reason."),
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-id"], name="code_state_idx"),
            models.Index(fields=["last_four", "-id"], name="code_last_four_idx"),
            # The next codes of a batch to sell, without reading the sold ones.
            models.Index(
                fields=["batch", "id"], condition=Q(state="in_stock"), name="code_stock_idx"
            ),
        ]

    def __str__(self) -> str:
        return f"…{self.last_four}"

    def sold_terms(self) -> SoldTerms:
        """The terms of a sold code. Raises ValueError for one that never was."""
        if (
            self.months is None
            or self.replacements is None
            or self.warranty_months is None
            or self.binding_window_hours is None
            or self.cover_terms_id is None
        ):
            raise ValueError(f"Code {self.pk} is not sold.")
        return SoldTerms(
            self.months,
            self.replacements,
            self.warranty_months,
            self.binding_window_hours,
            self.cover_terms_id,
        )


class CodeEvent(Event):
    """The life of a code, step by step (C2). When and by whom it was made, its batch records."""

    class Kind(models.TextChoices):
        SOLD = "sold", _("Sold")
        REVEALED = "revealed", _("Whole code shown")
        REDEEMED = "redeemed", _("Redeemed")
        VOIDED = "voided", _("Voided")
        TAKEN_BACK = "taken_back", _("Taken back")

    code = models.ForeignKey(ActivationCode, on_delete=models.PROTECT, related_name="events")

    @property
    def change(self) -> str:
        if self.kind == self.Kind.SOLD and "to" in self.data:
            return str(_("to customer %(to)s") % self.data)
        return super().change
