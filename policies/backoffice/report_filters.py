"""FACE: what the filters of all reports have in common.

They read the address of a page, which anybody can edit: a value that makes no sense gets a
sentence at its field and never reaches the database.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext_lazy as _
from django_filters import ChoiceFilter, DateFilter, FilterSet, ModelChoiceFilter

# Beyond these nothing is on file, and the end of time has no day after it.
EARLIEST, LATEST = date(2000, 1, 1), date(2999, 12, 31)
OUTSIDE = _("Enter a day between the years 2000 and 2999.")


class DayField(forms.DateField):
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    default_validators = [
        MinValueValidator(EARLIEST, OUTSIDE),
        MaxValueValidator(LATEST, OUTSIDE),
    ]


class DayFilter(DateFilter):
    field_class = DayField


def beginning_of(day: date) -> datetime:
    """The first instant of a day on the viewer's clock, by which staff pages go."""
    return datetime.combine(day, time.min, get_current_timezone())


class SpanForm(forms.Form):
    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        first, last = data.get("first_day"), data.get("last_day")
        if first and last and first > last:
            self.add_error("last_day", _("The last day must not be before the first."))
        return data


class ByCodeField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def to_python(self, value: Any) -> Any:
        # PostgreSQL answers a NUL with an error, where SQLite finds nothing.
        if isinstance(value, str) and "\x00" in value:
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().to_python(value)


class CatalogueFilter(ModelChoiceFilter):
    """A row of the catalogue, named in the address by its code or slug."""

    field_class = ByCodeField

    def __init__(self, *, by: str, **kwargs: Any) -> None:
        super().__init__(to_field_name=by, empty_label=_("All"), **kwargs)


class WordFilter(ChoiceFilter):
    """One of a few words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(empty_label=_("All"), **kwargs)


class SpanFilterSet(FilterSet):
    """A stretch of days of one column of instants, both days included."""

    instant = ""

    first_day = DayFilter(label=_("From"), method="since")
    last_day = DayFilter(label=_("To and including"), method="until")

    class Meta:
        form = SpanForm

    def since(self, rows: QuerySet[Any], name: str, day: date) -> QuerySet[Any]:
        return rows.filter(**{f"{self.instant}__gte": beginning_of(day)})

    def until(self, rows: QuerySet[Any], name: str, day: date) -> QuerySet[Any]:
        return rows.filter(**{f"{self.instant}__lt": beginning_of(day + timedelta(days=1))})
