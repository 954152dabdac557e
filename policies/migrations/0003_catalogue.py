from decimal import Decimal

from django.db import migrations

from policies.migrations import _catalogue as catalogue


def seed(apps, schema_editor):
    Region = apps.get_model("policies", "Region")
    RegionCountry = apps.get_model("policies", "RegionCountry")
    regions = {}
    for row in catalogue.REGIONS:
        row = dict(row)
        countries, centre = row.pop("countries"), dict(row.pop("service_centre"))
        region = Region.objects.create(service_centre=centre.pop("name"), **centre, **row)
        RegionCountry.objects.bulk_create(
            RegionCountry(region=region, country=country) for country in countries
        )
        regions[region.code] = region
    models = seed_models(apps)
    seed_plans(apps)
    apps.get_model("policies", "Exclusion").objects.bulk_create(
        apps.get_model("policies", "Exclusion")(**row) for row in catalogue.EXCLUSIONS
    )
    seed_fees(apps, models, regions)


def seed_models(apps):
    CoveredPart = apps.get_model("policies", "CoveredPart")
    series, models = {}, {}
    for row in catalogue.SERIES:
        row = dict(row)
        parts = row.pop("parts")
        one = apps.get_model("policies", "Series").objects.create(**row)
        CoveredPart.objects.bulk_create(CoveredPart(series=one, part=part) for part in parts)
        series[one.slug] = one
    for row in catalogue.MODELS:
        row = dict(row) | {"series": series[row["series"]]}
        parts = row.pop("parts", None) or []
        model = apps.get_model("policies", "DroneModel").objects.create(**row)
        CoveredPart.objects.bulk_create(CoveredPart(drone_model=model, part=part) for part in parts)
        models[model.slug] = model
    return models


def seed_plans(apps):
    Plan = apps.get_model("policies", "Plan")
    plans = {}
    for row in catalogue.PLANS:
        renews = plans[row["renews"]] if row.get("renews") else None
        plans[row["code"]] = Plan.objects.create(**(dict(row) | {"renews": renews}))


def seed_fees(apps, models, regions):
    ReplacementFee = apps.get_model("policies", "ReplacementFee")
    ReplacementFee.objects.bulk_create(
        ReplacementFee(
            drone_model=models[model],
            region=regions[region],
            ordinal=ordinal,
            amount=Decimal(amount),
            valid_from=catalogue.FEES_VALID_FROM,
        )
        for model, by_region in catalogue.FEES.items()
        for region, amounts in by_region.items()
        for ordinal, amount in enumerate(amounts, start=1)
    )


class Migration(migrations.Migration):
    dependencies = [("policies", "0002_guards")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
