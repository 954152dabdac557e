"""Bar charts as plain figures: a template draws them as SVG, and as a table for who can't see."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from policies.rules.text import Text

# In units of the drawing, which is scaled to the room it gets.
WIDTH, HEIGHT = 640, 120
GAP = 0.25
# How many days make a bar, by how many days are shown: about thirty bars at most.
STEP = {30: 1, 90: 7, 365: 30}


@dataclass(frozen=True)
class Bar:
    """One bar: its place in the drawing, and what it says."""

    label: str
    value: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    title: Text
    total: int
    top: int
    bars: list[Bar]
    first: str
    last: str
    width: int = WIDTH
    height: int = HEIGHT


def over_time(title: Text, per_day: Mapping[str, int], *, days: int, last: date) -> Chart:
    """The counts of the last `days` up to the day `last`, in bars of equal length."""
    step = STEP[days]
    groups = [_group(last, step, number) for number in reversed(range(days // step))]
    values = [sum(per_day.get(day.isoformat(), 0) for day in group) for group in groups]
    labels = [_label(group) for group in groups]
    top = max([*values, 1])
    slot = WIDTH / len(groups)
    bars = [
        Bar(
            label,
            value,
            x=round((number + GAP / 2) * slot, 1),
            y=round(HEIGHT * (1 - value / top), 1),
            width=round(slot * (1 - GAP), 1),
            height=round(HEIGHT * value / top, 1),
        )
        for number, (label, value) in enumerate(zip(labels, values, strict=True))
    ]
    return Chart(title, sum(values), top, bars, _day(groups[0][0]), _day(groups[-1][-1]))


def _group(last: date, step: int, number: int) -> list[date]:
    """The days of one bar; number 0 is the newest."""
    newest = last - timedelta(days=step * number)
    return [newest - timedelta(days=ago) for ago in reversed(range(step))]


def _label(days: list[date]) -> str:
    if len(days) == 1:
        return _day(days[0])
    return _("%(first)s to %(last)s") % {"first": _day(days[0]), "last": _day(days[-1])}


def _day(day: date) -> str:
    return date_format(day, "j M Y")
