"""Seeded random years against the book (B1-B9, P3, R1, R2, T1-T3, E1, E2, K2-K8).

`SIMULATE_SEEDS` and `SIMULATE_YEARS` make it long; `SIMULATE_FIRST` begins at another seed.
A failure names its seed, its simulated instant and the entry of the book.
"""

import os
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.simulation.world import World

FIRST = int(os.environ.get("SIMULATE_FIRST", "1"))
SEEDS = int(os.environ.get("SIMULATE_SEEDS", "2"))
YEARS = int(os.environ.get("SIMULATE_YEARS", "2"))


@pytest.fixture(autouse=True)
def no_query_per_row() -> None:
    """A simulation asks one thing after another on purpose."""


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_random_years_agree_with_the_book(seed: int) -> None:
    print(f"simulation: seed {seed}, {YEARS} years")
    world = World(seed, start=datetime(2024, 1, 1, 9, 0, tzinfo=ZoneInfo("UTC")))
    world.live(365 * YEARS)
    world.tick(good_day=1, idle_run=1)
    world.compare_everything()
    world.letters_agree()
    world.money_agrees()
    # The years were not empty.
    assert len(world.book.papers) > 6 * YEARS
    assert len(world.book.cases) > 3 * YEARS
