"""What a carrier and the customs are told of a drone that travels in its box."""

from decimal import Decimal

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField


class Parcel(models.Model):
    """Columns of a drone model. A carrier charges what a parcel measures, and asks for more
    where it measures otherwise."""

    length_cm = models.PositiveSmallIntegerField(
        _("length of the parcel (cm)"), default=36, validators=[MinValueValidator(1)]
    )
    width_cm = models.PositiveSmallIntegerField(
        _("width of the parcel (cm)"), default=28, validators=[MinValueValidator(1)]
    )
    height_cm = models.PositiveSmallIntegerField(
        _("height of the parcel (cm)"), default=20, validators=[MinValueValidator(1)]
    )
    weight_g = models.PositiveIntegerField(
        _("weight of the parcel (g)"), default=2_700, validators=[MinValueValidator(1)]
    )
    customs_value = models.DecimalField(
        _("value for customs (US dollars)"),
        max_digits=9,
        decimal_places=2,
        default=Decimal(1_000),
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("What a used drone is worth that crosses a border for its repair."),
    )
    # Heading 8806 of the Harmonized System of 2022, unmanned aircraft for remote-controlled
    # flight only, by their largest weight in flight: 8806.21 up to 250 g, 8806.22 up to 7 kg.
    # source: https://hts.usitc.gov (chapter 88)
    tariff_number = models.CharField(
        _("customs tariff number"),
        max_length=10,
        default="880622",
        validators=[RegexValidator(r"^\d{6,10}\Z", _("Six to ten digits, as in 880622."))],
    )
    origin_country = CountryField(_("made in"), default="CN")

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    length_cm__gt=0,
                    width_cm__gt=0,
                    height_cm__gt=0,
                    weight_g__gt=0,
                    customs_value__gt=0,
                ),
                name="%(class)s_parcel_is_something",
                violation_error_message=_("A parcel has a size, a weight and a value."),
            ),
        ]
