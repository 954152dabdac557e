from collections.abc import Iterable, Iterator

from claims.models.claim import ClaimEvent

# A visit of a claim to a state: the state, and 1 for the first time.
Visit = tuple[str, int]


def visits(history: Iterable[ClaimEvent]) -> Iterator[tuple[ClaimEvent, list[Visit]]]:
    """Each move and step back of a claim, oldest first, with the visits that stand after it.

    A visit that is taken back and made again is the same one.
    """
    stand: list[Visit] = []
    # By key: two events may carry the same instant.
    for event in sorted(history, key=lambda event: event.pk):
        if event.kind == ClaimEvent.Kind.MOVED:
            earlier = sum(state == event.after for state, _time in stand)
            stand = [*stand, (event.after, earlier + 1)]
        elif event.kind == ClaimEvent.Kind.UNDONE:
            stand = stand[:-1]
        else:
            continue
        yield event, stand
