"""Seeded random years against the book (B1-B9, B11, P3, P8, R1, R2, T1-T3, E1, E2, K2-K10, K15).

`SIMULATE_SEEDS` and `SIMULATE_YEARS` make it long; `SIMULATE_FIRST` begins at another seed.
A failure names its seed, its simulated instant, the entry of the book and what was done last.
"""

import os
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.simulation.world import World

FIRST = int(os.environ.get("SIMULATE_FIRST", "1"))
SEEDS = int(os.environ.get("SIMULATE_SEEDS", "2"))
YEARS = int(os.environ.get("SIMULATE_YEARS", "2"))

# In so many years each of these happens to every dealer.
MANY_YEARS = 10
IN_MANY_YEARS = [
    *("expire_policies early", "activate_policies early", "remind_renewals late"),
    *("shipment corrected", "plan cancelled with its order", "ordering refused"),
    *("transferring refused as used up", "cancelling refused as used up"),
    "refurbishing done although the term runs",
    *("assessed undone", "parts_missing undone", "returning undone", "completed undone"),
    *("reviving done", "reviving refused", "returning done", "refunding done", "reversing done"),
    *("chased: parts_missing", "chased: lapsed", "chased: returning"),
    "money at completed that pays no fee",
]


@pytest.fixture(autouse=True)
def no_query_per_row() -> None:
    """A simulation asks one thing after another on purpose."""


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_random_years_agree_with_the_book(seed: int) -> None:
    print(f"simulation: seed {seed}, {YEARS} years")
    world = World(seed, start=datetime(2024, 1, 1, 9, 0, tzinfo=ZoneInfo("UTC")))
    try:
        world.live(365 * YEARS)
        world.tick(good_day=1, idle_run=1)
        world.compare_everything()
    except AssertionError:
        print(*world.journal, sep="\n")
        raise
    print(*(f"{count:6} {what}" for what, count in sorted(world.happened.items())), sep="\n")
    # The years were not empty.
    assert len(world.book.papers) > 6 * YEARS
    assert len(world.book.cases) > 3 * YEARS
    if YEARS >= MANY_YEARS:
        assert [what for what in IN_MANY_YEARS if not world.happened[what]] == []
