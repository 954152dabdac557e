from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, Field, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from policies.admin.imports import UploadFees
from policies.backoffice.records import BackOfficeAdmin
from policies.models import (
    CoveredPart,
    DroneModel,
    Exclusion,
    Plan,
    Region,
    RegionCountry,
    ReplacementFee,
    Series,
)
from policies.rules import money
from policies.shared.fields import PhoneField
from policies.shared.lettering import validate_printable

# Set and taken back on the page of the plan, model, series or region itself (P10).
WITHDRAWN = "is_withdrawn"
SERVICE_CENTRE = ["service_centre", "line1", "line2", "city", "state", "postal_code"]


class CatalogueAdmin(BackOfficeAdmin):
    """The dealer's own data: managers edit it, and every change is in the history."""

    # The fields that stand on labels, agreements and claim sheets.
    printed: ClassVar[list[str]] = []

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in self.printed:
            field.validators.append(validate_printable)
        return field


class CountryInline(admin.TabularInline):  # type: ignore[type-arg]
    model = RegionCountry
    extra = 1


class RegionForm(forms.ModelForm):  # type: ignore[type-arg]
    phone = PhoneField(required=False, help_text=Region._meta.get_field("phone").help_text)

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"]
        if not money.is_currency(currency):
            message = _("There is no currency %(code)s. Give its code of ISO 4217, as in USD.")
            raise forms.ValidationError(message, params={"code": currency})
        return currency


@admin.register(Region)
class RegionAdmin(CatalogueAdmin):
    form = RegionForm
    printed = ["name", *SERVICE_CENTRE]
    list_display = [
        "name",
        "code",
        "currency",
        "time_zone",
        "binding_window_hours",
        "countries",
        WITHDRAWN,
    ]
    inlines = [CountryInline]
    fieldsets = [
        (None, {"fields": ["code", "name", "currency", "time_zone", WITHDRAWN]}),
        (_("Binding"), {"fields": ["binding_window_hours", "permit_hours"]}),
        (
            _("Service centre"),
            {"fields": (*SERVICE_CENTRE, "country", "phone")},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Region]:
        regions: QuerySet[Region] = super().get_queryset(request)
        return regions.annotate(country_count=Count("countries"))

    @admin.display(description=_("countries"))
    def countries(self, region: Region) -> int:
        return int(region.country_count)  # type: ignore[attr-defined]


class PartInline(admin.TabularInline):  # type: ignore[type-arg]
    model = CoveredPart
    extra = 1
    fields = ["part"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CoveredPart]:
        # Each row says what it is part of.
        return super().get_queryset(request).select_related("series", "drone_model")


@admin.register(Series)
class SeriesAdmin(CatalogueAdmin):
    list_display = ["name", "slug", "covered", WITHDRAWN]
    list_filter = [WITHDRAWN]
    fields = ["slug", "name", WITHDRAWN]
    inlines = [PartInline]
    prepopulated_fields = {"slug": ["name"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Series]:
        return super().get_queryset(request).prefetch_related("parts")

    @admin.display(description=_("parts covered"))
    def covered(self, series: Series) -> str:
        return ", ".join(str(covered.get_part_display()) for covered in series.parts.all())


@admin.register(DroneModel)
class DroneModelAdmin(CatalogueAdmin):
    printed = ["name"]
    list_display = ["name", "slug", "series", "warranty_months", WITHDRAWN]
    list_filter = ["series", WITHDRAWN]
    list_select_related = ["series"]
    search_fields = ["name", "slug"]
    inlines = [PartInline]
    prepopulated_fields = {"slug": ["name"]}
    fieldsets = [
        (
            None,
            {
                "fields": [
                    *("series", "slug", "name", "warranty_months", "serial_pattern"),
                    WITHDRAWN,
                ]
            },
        ),
        (
            _("Parcel"),
            {
                "fields": [
                    *("length_cm", "width_cm", "height_cm", "weight_g"),
                    *("customs_value", "tariff_number", "origin_country"),
                ],
                "description": _("The drone in its box, as carriers and customs are told."),
            },
        ),
    ]


@admin.register(Plan)
class PlanAdmin(CatalogueAdmin):
    printed = ["name"]
    list_display = [
        "name",
        "code",
        "months",
        "replacements",
        "warranty_months",
        "renews",
        WITHDRAWN,
    ]
    list_select_related = ["renews"]


@admin.register(Exclusion)
class ExclusionAdmin(CatalogueAdmin):
    printed = ["title", "text"]
    list_display = ["title", "cause"]


@admin.register(ReplacementFee)
class ReplacementFeeAdmin(CatalogueAdmin):
    list_display = ["drone_model", "region", "ordinal", "money", "valid_from"]
    list_filter = ["region", "ordinal", "drone_model"]
    list_select_related = ["drone_model", "region"]
    list_operations = (UploadFees,)

    @admin.display(description=_("fee"), ordering="amount")
    def money(self, fee: ReplacementFee) -> str:
        return money.shown(fee.amount, fee.region.currency)
