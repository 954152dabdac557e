"""FACE: an instant that a customer states, on a clock that the form names (B11, P9)."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django_countries import countries

from policies.models import Region
from policies.rules import clocks, terms
from policies.rules.text import Text
from policies.shared.fields import LocalInstantField, LongSelect, PlainCharField, on_the_clock_of

ACTIVATED = [("no", _("Not yet")), ("yes", _("Yes"))]


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


class TimeZoneField(PlainCharField):
    """The clock on which an instant is stated; its value is a ZoneInfo, or None for none named.

    The form that shows it gives the choices. Any name of the time-zone data is taken.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("On which clock?"))
        kwargs.setdefault("widget", LongSelect)
        super().__init__(max_length=64, empty_value=None, **kwargs)
        del self.widget.attrs["maxlength"]  # HTML has none for a list

    def to_python(self, value: Any) -> Any:
        name = super().to_python(value)
        if name is not None and name not in _zone_names():
            raise ValidationError(_("Please choose a clock from the list."), code="time_zone")
        return name and ZoneInfo(name)


def activation_problem(answer: str, at: Any, *, asked: bool) -> tuple[str, Text] | None:
    """The field at which the answers about the activation don't fit, and a sentence for it.

    Where the question was not `asked`, a program filled in the form: without a time it says
    "not yet" (a contract). A time alone says "yes".
    """
    if answer == "no" and at is not None:
        both = _("You say “not yet”, and you give a time. Please leave one of them out.")
        return "activated", both
    if answer == "yes" and at is None:
        return "activated_at", _("Please say when it was activated.")
    if answer == "" and at is None and asked:
        return "activated", _("Please answer this question.")
    return None


class ActivationQuestion(forms.Form):
    """Has the drone been activated, when, and on whose clock? No answer is preset (B11)."""

    activated = forms.ChoiceField(
        label=_("Has the drone been activated?"),
        required=False,
        choices=ACTIVATED,
        widget=forms.RadioSelect,
        help_text=_("It is activated when it is switched on and connected for the first time."),
        error_messages={"invalid_choice": _("Please choose one of the two answers.")},
    )
    activated_at = LocalInstantField(label=_("If so, when?"), required=False)
    time_zone = TimeZoneField(required=False)

    # The clock that we chose when the page was first shown. Only a form with such a choice of
    # ours is asked about it, once; a program that sends every field names no choice of ours.
    CLOCK_PRESET = "clock_preset"
    CLOCK_ASKED = "clock_asked"

    region: Region | None = None
    # The clock that was named, else that of the customer's region.
    zone: ZoneInfo | None = None
    # The instant that was stated, None for "not yet".
    stated_at: datetime | None = None

    # Whether the clock should be looked at once more, and whether that was said before.
    asks_clock = False
    was_asked_clock = False

    def __init__(
        self, *args: Any, now: datetime | None = None, likely_country: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        self.likely_country = likely_country
        self.was_asked_clock = self.CLOCK_ASKED in self.data
        # Read only when they are shown.
        clock = self.fields["time_zone"]
        clock.initial = self._likely_clock
        clock.widget.choices = self._clocks

    @cached_property
    def _regions(self) -> list[Region]:
        return list(Region.objects.order_by("pk").prefetch_related("countries"))

    def _likely_clock(self) -> str:
        """Empty where nothing is known of the customer, or no region has their country."""
        for region in self._regions if self.likely_country else ():
            if any(row.country == self.likely_country for row in region.countries.all()):
                return clocks.likely_zone(self.likely_country, region.zone).key
        return ""

    @property
    def clock_preset(self) -> str:
        """What we chose, to be sent along with the answers."""
        if not self.is_bound:
            return self._likely_clock()
        preset: str = self.data.get(self.CLOCK_PRESET, "")
        return preset if preset in _zone_names() else ""

    def _clocks(self) -> Iterator[tuple[Any, Any]]:
        yield "", _("My country's service region")
        offered: set[str] = set()
        for region in self._regions:
            yield region.name, self._in_words(region.zones)
            offered |= {zone.key for zone in region.zones}
        typed = self.data.get(self.add_prefix("time_zone"), "")
        if typed not in offered and typed in _zone_names():
            yield _("Elsewhere"), self._in_words([ZoneInfo(typed)])

    def _in_words(self, zones: Iterable[ZoneInfo]) -> list[tuple[str, Text]]:
        by_place = sorted(zones, key=clocks.place)
        return [(zone.key, self._clock_in_words(zone)) for zone in by_place]

    def _clock_in_words(self, zone: ZoneInfo) -> Text:
        return clocks.in_words(zone, at=self.now) if self.now else clocks.place(zone)

    def clean(self) -> dict[str, Any]:
        # Read at once: an error that is shown at a field takes its value from the form.
        named, naive = self.cleaned_data.get("time_zone"), self.cleaned_data.get("activated_at")
        self.zone = named or (self.region.zone if self.region else None)
        if naive is not None and self.zone is not None:
            self.stated_at = on_the_clock_of(self.zone, naive)
        if named and naive and self.region and self.clock_preset and not self.was_asked_clock:
            self.asks_clock = self._is_doubtful(named, naive, self.region)
        return self.cleaned_data

    def _is_doubtful(self, named: ZoneInfo, naive: datetime, region: Region) -> bool:
        """Whether a time is stated on a clock that nobody in the country's region has.

        Or on the one that we chose, where it would be refused there, and not on another clock of
        the country: what is stated is kept (B11), so it should be what was meant.
        """
        if named not in region.zones:
            return True
        country = clocks.zones_of([self.cleaned_data["country"]], named)
        fits = [zone for zone in country if self._in_window(naive, zone, region)]
        return named.key == self.clock_preset and bool(fits) and named not in fits

    def _in_window(self, naive: datetime, zone: ZoneInfo, region: Region) -> bool:
        at, activated_at = self.now, on_the_clock_of(zone, naive)
        if at is None or activated_at > at:
            return False
        return terms.within_binding_window(activated_at, region.binding_window_hours, at=at)

    @property
    def clock_question(self) -> Text:
        assert self.zone is not None
        return _("You chose %(country)s and %(place)s time. Please check the clock.") % {
            "country": countries.name(self.cleaned_data["country"]),
            "place": clocks.place(self.zone),
        }

    @property
    def answers_activation(self) -> bool:
        return self._problem is None

    @property
    def _problem(self) -> tuple[str, Text] | None:
        data = self.cleaned_data
        asked = self.add_prefix("activated") in self.data
        return activation_problem(data["activated"], data["activated_at"], asked=asked)

    def ask_for_activation(self) -> None:
        """Says which answer is missing."""
        if self._problem:
            self.add_error(*self._problem)

    @property
    def understood(self) -> Text:
        """What was read from the two fields, to be shown again with every refusal (P9)."""
        if not self.is_bound or self.now is None:
            return ""
        if self.stated_at is None or self.zone is None:
            return ""
        return _("We read this as %(instant)s.") % {
            "instant": clocks.instant_and_now(self.stated_at, self.zone, at=self.now)
        }
