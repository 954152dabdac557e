from collections.abc import Callable
from statistics import median
from time import perf_counter


def milliseconds(action: Callable[[], object]) -> float:
    start = perf_counter()
    action()
    return (perf_counter() - start) * 1_000


class Table:
    """Rows of name, median and ratio to the floor, which is the first row."""

    def __init__(self, title: str, floor: str) -> None:
        self.title = title
        self.floor = floor
        self.rows: list[tuple[str, float]] = []

    def add(self, name: str, timings: list[float]) -> None:
        self.rows.append((name, median(timings)))

    def print(self) -> None:
        floor = self.rows[0][1]
        width = max(len(name) for name, _median in self.rows)
        print(f"\n{self.title} (floor: {self.floor})")
        print(f"  {'':{width}}  {'median ms':>10}  {'× floor':>8}")
        for name, value in self.rows:
            print(f"  {name:{width}}  {value:10.1f}  {value / floor:8.1f}", flush=True)
