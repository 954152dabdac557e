"""Pages of lists that may hold millions of rows."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db import models
from django.utils.functional import cached_property

from policies.shared.database import estimated_count


class EstimatingPaginator(Paginator):  # type: ignore[type-arg]
    """Counts exactly up to a thousand and estimates beyond: page 8,000 is never read."""

    @cached_property
    def count(self) -> int:
        if isinstance(self.object_list, models.QuerySet):
            return estimated_count(self.object_list)
        return len(self.object_list)

    def page(self, number: int | str) -> "Page[Any]":
        """The keys of the page first, then its rows: an offset skips bare keys, not joined rows."""
        if not isinstance(self.object_list, models.QuerySet):
            return super().page(number)
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        keys = self.object_list.values_list("pk", flat=True)
        on_page = list(keys[first : first + self.per_page])
        return Page(self.object_list.filter(pk__in=on_page), number, self)
