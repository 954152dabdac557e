"""The catalogue, as data (P1, P5-P7): regions, series, models, plans, exclusions, fees."""

from datetime import date
from decimal import Decimal
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField

from policies.models.offered import Offered, OfferedQuerySet
from policies.models.parcel import Parcel
from policies.rules import clocks, money


def validate_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(_("%(name)s is not a time zone."), params={"name": name})


class Part(models.TextChoices):
    AIRCRAFT = "aircraft", _("Aircraft")
    GIMBAL = "gimbal", _("Gimbal")
    CAMERA = "camera", _("Camera")
    BATTERY = "battery", _("Battery")
    PROPELLERS = "propellers", _("Propellers")
    REMOTE_CONTROLLER = "remote_controller", _("Remote controller")


class Cause(models.TextChoices):
    COLLISION = "collision", _("Collision")
    WATER = "water", _("Water damage")
    DROP = "drop", _("Drop")
    SIGNAL_INTERFERENCE = "signal_interference", _("Signal interference")
    OTHER_ACCIDENT = "other_accident", _("Another accident")
    PRODUCT_DEFECT = "product_defect", _("Product defect, no accident")
    LOST_OR_STOLEN = "lost_or_stolen", _("Lost or stolen")
    UNSUITABLE_CONDITIONS = "unsuitable_conditions", _("Flown in unsuitable conditions")
    DELIBERATE = "deliberate", _("Deliberate damage")
    THIRD_PARTY = "third_party", _("Third-party accessories or software")


class RegionQuerySet(OfferedQuerySet["Region"]):
    def for_country(self, country: str) -> "RegionQuerySet":
        """The region that serves a country, withdrawn or not: what was sold goes on (P10)."""
        return self.filter(countries__country=country)


class Region(Offered):
    """A service region: where a plan is bought and serviced."""

    code = models.CharField(_("code"), max_length=8, unique=True)
    name = models.CharField(_("name"), max_length=80)
    currency = models.CharField(
        _("currency"),
        max_length=3,
        validators=[RegexValidator(r"^[A-Z]{3}\Z", _("Three capital letters, as in USD."))],
    )
    time_zone = models.CharField(_("time zone"), max_length=64, validators=[validate_time_zone])
    binding_window_hours = models.PositiveSmallIntegerField(
        _("binding window (hours)"),
        default=48,
        help_text=_("How long after its activation a drone may still be bound (B2)."),
    )
    permit_hours = models.PositiveSmallIntegerField(
        _("binding permit (hours)"),
        default=72,
        help_text=_("How long an approved video verification lets a drone be bound (B3)."),
    )
    bundle_delay_hours = models.PositiveSmallIntegerField(
        _("start of a bundled plan (hours)"),
        default=48,
        help_text=_("How long after its drone was shipped a plan of the same order begins (B9)."),
    )
    service_centre = models.CharField(_("service centre"), max_length=120)
    line1 = models.CharField(_("address line 1"), max_length=120)
    line2 = models.CharField(_("address line 2"), max_length=120, blank=True)
    city = models.CharField(_("city"), max_length=80)
    state = models.CharField(_("state or province"), max_length=80, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    country = CountryField(_("country of the service centre"))
    phone = models.CharField(
        _("phone"),
        max_length=40,
        blank=True,
        help_text=_("For carriers, who refuse parcels between two countries without it."),
    )

    objects = RegionQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(binding_window_hours__gt=0, permit_hours__gt=0),
                name="region_hours_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def zones(self) -> tuple[ZoneInfo, ...]:
        """The customers' clocks, the region's own first (P9). Asks for the countries once."""
        countries = [str(row.country) for row in self.countries.all()]
        return clocks.zones_of(countries, self.zone)


class RegionCountry(models.Model):
    """A country belongs to one region at most."""

    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="countries")
    country = CountryField(_("country"), unique=True)

    class Meta:
        verbose_name = _("country")
        verbose_name_plural = _("countries")
        ordering = ["country"]

    def __str__(self) -> str:
        return str(self.country)


class SeriesQuerySet(OfferedQuerySet["Series"]):
    pass


class Series(Offered):
    slug = models.SlugField(_("slug"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)

    objects = SeriesQuerySet.as_manager()

    class Meta:
        verbose_name_plural = _("series")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DroneModelQuerySet(OfferedQuerySet["DroneModel"]):
    def on_offer(self) -> Self:
        """A withdrawn series withdraws its models."""
        return super().on_offer().filter(series__is_withdrawn=False)


class SerialPattern(models.TextChoices):
    """What the serial numbers of a model look like (B12)."""

    NONE = "", _("No pattern: a model from before 2021")
    CTA_2063_A = "cta_2063_a", _("ANSI/CTA-2063-A: a model of 2021 or later")


class DroneModel(Offered, Parcel):
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="drone_models")
    slug = models.SlugField(_("slug"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    warranty_months = models.PositiveSmallIntegerField(
        _("manufacturer's warranty (months)"), default=12
    )
    serial_pattern = models.CharField(
        _("pattern of its serial numbers"),
        max_length=20,
        choices=SerialPattern,
        default=SerialPattern.CTA_2063_A,
        blank=True,
        help_text=_("A serial number that breaks it must be confirmed once more."),
    )

    objects = DroneModelQuerySet.as_manager()

    class Meta(Parcel.Meta):
        verbose_name = _("drone model")
        ordering = ["name"]
        constraints = [
            *Parcel.Meta.constraints,
            models.CheckConstraint(
                condition=Q(serial_pattern__in=SerialPattern.values),
                name="drone_model_serial_pattern_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_on_offer(self) -> bool:
        return not (self.is_withdrawn or self.series.is_withdrawn)

    def covered_parts(self) -> list[str]:
        """The parts covered: the model's own list where it has one, else its series' (P6)."""
        own = [covered.part for covered in self.parts.all()]
        parts = own or [covered.part for covered in self.series.parts.all()]
        return [part for part in Part.values if part in parts]


class CoveredPart(models.Model):
    """A part covered for a series, or for one model in place of its series' list (P6)."""

    series = models.ForeignKey(
        Series, on_delete=models.CASCADE, null=True, blank=True, related_name="parts"
    )
    drone_model = models.ForeignKey(
        DroneModel, on_delete=models.CASCADE, null=True, blank=True, related_name="parts"
    )
    part = models.CharField(_("part"), max_length=20, choices=Part)

    class Meta:
        verbose_name = _("covered part")
        constraints = [
            models.CheckConstraint(
                condition=~Q(part=Part.REMOTE_CONTROLLER),
                name="covered_part_never_remote_controller",
                violation_error_message=_("A remote controller is never covered."),
            ),
            models.CheckConstraint(
                condition=Q(series__isnull=False, drone_model__isnull=True)
                | Q(series__isnull=True, drone_model__isnull=False),
                name="covered_part_of_series_or_model",
                violation_error_message=_("Name either a series or a model."),
            ),
            models.CheckConstraint(condition=Q(part__in=Part.values), name="covered_part_known"),
            models.UniqueConstraint(fields=["series", "part"], name="covered_part_once_per_series"),
            models.UniqueConstraint(
                fields=["drone_model", "part"], name="covered_part_once_per_model"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.series or self.drone_model}: {self.get_part_display()}"


class PlanQuerySet(OfferedQuerySet["Plan"]):
    pass


class Plan(Offered):
    """What is sold. A plan that renews another is a renewal (Refresh +, P1)."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    months = models.PositiveSmallIntegerField(_("months"), validators=[MinValueValidator(1)])
    replacements = models.PositiveSmallIntegerField(_("replacements"))
    warranty_months = models.PositiveSmallIntegerField(
        _("extra warranty (months)"),
        default=0,
        help_text=_("Added to the manufacturer's warranty."),
    )
    renews = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="renewals",
        help_text=_("Set for a renewal: the plan that it renews."),
    )

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ["months", "code"]
        constraints = [
            models.CheckConstraint(condition=Q(months__gt=0), name="plan_months_positive"),
            models.CheckConstraint(
                condition=~Q(renews=models.F("id")) | Q(renews__isnull=True),
                name="plan_does_not_renew_itself",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_renewal(self) -> bool:
        return self.renews_id is not None


class Exclusion(models.Model):
    """A cause that no plan covers (P7), in the words the customer reads."""

    cause = models.CharField(_("cause"), max_length=30, choices=Cause, unique=True)
    title = models.CharField(_("title"), max_length=120)
    text = models.TextField(_("text"))

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.title


class ReplacementFeeQuerySet(models.QuerySet["ReplacementFee"]):
    def in_force(self, *, on: date) -> "ReplacementFeeQuerySet":
        """The rows in force on a day of the region: the newest `valid_from` not after it (P4)."""
        newer = ReplacementFee.objects.filter(
            drone_model=models.OuterRef("drone_model"),
            region=models.OuterRef("region"),
            ordinal=models.OuterRef("ordinal"),
            valid_from__gt=models.OuterRef("valid_from"),
            valid_from__lte=on,
        )
        return self.filter(~models.Exists(newer), valid_from__lte=on)


class ReplacementFee(models.Model):
    """What the 1st, 2nd, 3rd replacement of a model costs in a region, in its currency (P5)."""

    drone_model = models.ForeignKey(DroneModel, on_delete=models.PROTECT, related_name="fees")
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="fees")
    ordinal = models.PositiveSmallIntegerField(
        _("ordinal"), help_text=_("1 for the first replacement of a policy, 2 for the second …")
    )
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=money.PLACES)
    valid_from = models.DateField(_("valid from"))

    objects = ReplacementFeeQuerySet.as_manager()

    class Meta:
        verbose_name = _("replacement fee")
        ordering = ["drone_model", "region", "ordinal", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["drone_model", "region", "ordinal", "valid_from"],
                name="fee_once_per_day",
                violation_error_message=_("There is already a fee for this case from that day."),
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0, ordinal__gte=1), name="fee_amount_and_ordinal"
            ),
        ]

    def __str__(self) -> str:
        fee = money.shown(self.amount, self.region.currency)
        return f"{self.drone_model}, {self.region}, {self.ordinal}: {fee}"

    def clean(self) -> None:
        # What is no amount at all has been refused by the field itself.
        if self.region_id and isinstance(self.amount, Decimal):
            currency = self.region.currency
            if not money.fits(self.amount, currency):
                raise ValidationError({"amount": money.misfit(currency)})
