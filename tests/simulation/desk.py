"""What all desks of the simulation share: one dealer, one book, one clock."""

import random
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from policies.models import DroneModel, Plan, Policy, Region
from policies.shared.actor import Actor
from policies.shared.errors import Conflict, Refused
from tests.simulation.book import Book
from tests.simulation.cases import Case
from tests.simulation.papers import Paper

STAFF = Actor.command("simulation")
REGIONS = {"US": "US", "EU": "DE", "JP": "JP", "AU": "AU"}
MODELS = ["mavic-2-pro", "inspire-2"]


class Desk:
    """One seed's dealer. `touched` and `moved` is what happened to since the last comparison."""

    def __init__(self, seed: int, *, start: datetime) -> None:
        self.random = random.Random(seed)
        self.now = start
        self.book = Book()
        self.number = 0
        self.regions = {code: Region.objects.get(code=code) for code in REGIONS}
        self.models = {slug: DroneModel.objects.get(slug=slug) for slug in MODELS}
        self.plans = {plan.code: plan for plan in Plan.objects.all()}
        self.happened: Counter[str] = Counter()
        self.journal: deque[str] = deque(maxlen=30)
        self.touched: dict[str, Paper] = {}
        self.moved: dict[str, Case] = {}

    def expect(self, allowed: bool, deed: Callable[[], Any], what: str) -> Any:
        """Runs the deed and holds its success against the book's word.

        What comes of it, or True where nothing comes of it; None if it was refused.
        """
        result, refusal = None, None
        try:
            result = deed() or True
        except (Conflict, Refused) as said:
            refusal = said
        went = "went through" if refusal is None else f"was refused ({refusal})"
        self.journal.append(f"{self.now:%Y-%m-%d %H:%M} {what} {went}")
        assert (refusal is None) == allowed, f"{self.now}: {what} {went}; the book says otherwise"
        self.happened[f"{what.split()[0]} {'done' if allowed else 'refused'}"] += 1
        return result

    def fresh(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}{self.number:06d}"

    def some(self, things: Any) -> Any:
        things = list(things)
        return self.random.choice(things) if things else None

    def luck(self, chance: float) -> bool:
        return self.random.random() < chance

    def some_paper(self) -> Paper | None:
        """One that runs, as a rule, often one that is well used; now and then any one at all."""
        luck = self.random.random()
        used = [paper for paper in self.book.running() if paper.uses] if luck < 0.5 else []
        return self.some(used or (self.book.running() if luck < 0.85 else None) or self.book.papers)

    def some_used_up(self) -> Paper | None:
        """One whose replacements are all used although its term runs (P3), or else any."""
        used_up = [paper for paper in self.book.running() if paper.is_used_up(self.now)]
        return self.some(used_up if self.luck(0.8) else []) or self.some_paper()

    def policy(self, paper: Paper) -> Policy:
        self.touched[paper.number] = paper
        return Policy.objects.select_related("region", "drone__drone_model", "holder", "plan").get(
            number=paper.number
        )
