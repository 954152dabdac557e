"""Freezing: what the catalogue covers today is kept with what is sold today (P4)."""

from policies.models import CoverTerms, DroneModel, Exclusion, Plan, Region
from policies.models.code import SoldTerms


def terms_of_today(plan: Plan, region: Region, drone_model: DroneModel) -> SoldTerms:
    """What a sale keeps, whatever the catalogue says later. Call it inside the transaction."""
    return SoldTerms(
        plan.months,
        plan.replacements,
        plan.warranty_months,
        region.binding_window_hours,
        cover_terms_of_today(drone_model).pk,
    )


def cover_terms_of_today(drone_model: DroneModel) -> CoverTerms:
    """The row for what the catalogue says today of a model, made if it is the first such sale."""
    columns = CoverTerms.of(
        drone_model.covered_parts(),
        [
            {"cause": one.cause, "title": one.title, "text": one.text}
            for one in Exclusion.objects.order_by("id")
        ],
        drone_model.warranty_months,
    )
    terms, _created = CoverTerms.objects.get_or_create(digest=columns["digest"], defaults=columns)
    return terms
