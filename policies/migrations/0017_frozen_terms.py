import hashlib
import json

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from policies.shared import database

PARTS = ["aircraft", "gimbal", "camera", "battery", "propellers", "remote_controller"]


def frozen_by(**options):
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="policies.coverterms",
        **options,
    )


def fingerprint(*terms):
    """As `CoverTerms` has it today, so that the next sale finds the row; it may change there."""
    return hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()


def freeze_what_is_on_file(apps, schema_editor):
    """What was sold before keeps what the catalogue says today: nobody knows what it said then."""
    for terms, drone_models in _terms_of_today(apps).items():
        sold = {
            "ActivationCode": Q(sold_at__isnull=False, batch__drone_model__in=drone_models),
            "Order": Q(drone__drone_model__in=drone_models),
            "Period": Q(policy__drone__drone_model__in=drone_models),
        }
        for name, which in sold.items():
            rows = apps.get_model("policies", name).objects.order_by()
            rows.filter(which).update(cover_terms_id=terms)
    if schema_editor.connection.vendor == "postgresql":
        # Its foreign keys are looked at when the transaction ends, and until then no table that
        # was written to can be altered.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


def _terms_of_today(apps):
    """Ids of the rows of terms, a few, each with its drone models."""
    frozen = apps.get_model("policies", "CoverTerms")
    exclusions = list(
        apps.get_model("policies", "Exclusion")
        .objects.order_by("id")
        .values("cause", "title", "text")
    )
    found = {}
    drone_models = apps.get_model("policies", "DroneModel").objects.select_related("series")
    for drone_model in drone_models.prefetch_related("parts", "series__parts"):
        own = [covered.part for covered in drone_model.parts.all()]
        parts = own or [covered.part for covered in drone_model.series.parts.all()]
        columns = {
            "parts": [part for part in PARTS if part in parts],
            "exclusions": exclusions,
            "warranty_months": drone_model.warranty_months,
        }
        terms, _created = frozen.objects.get_or_create(
            digest=fingerprint(*columns.values()), defaults=columns
        )
        found.setdefault(terms.pk, []).append(drone_model.pk)
    return found


# On SQLite an ALTER rebuilds the table of periods, and the ledger's triggers name it.
def unguard(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    database.run(schema_editor, database.drop_allowance_guard_sql(vendor))


def guard(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    database.run(schema_editor, database.allowance_guard_sql(vendor))


def make_immutable(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    database.run(schema_editor, database.append_only_sql("policies_coverterms", vendor))


def make_mutable(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    database.run(schema_editor, database.drop_append_only_sql("policies_coverterms", vendor))


UNSOLD = {
    "sold_at__isnull": True,
    "sold_to__isnull": True,
    "months__isnull": True,
    "replacements__isnull": True,
    "warranty_months__isnull": True,
    "binding_window_hours__isnull": True,
}
SOLD = {
    "sold_at__isnull": False,
    "sold_to__isnull": False,
    "months__isnull": False,
    "months__gt": 0,
    "replacements__isnull": False,
    "warranty_months__isnull": False,
    "binding_window_hours__isnull": False,
    "binding_window_hours__gt": 0,
}


class Migration(migrations.Migration):
    dependencies = [("policies", "0016_stated_activations")]

    operations = [
        migrations.CreateModel(
            name="CoverTerms",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("parts", models.JSONField(verbose_name="parts covered")),
                ("exclusions", models.JSONField(verbose_name="not covered")),
                (
                    "warranty_months",
                    models.PositiveSmallIntegerField(
                        verbose_name="manufacturer's warranty (months)"
                    ),
                ),
                ("digest", models.CharField(editable=False, max_length=64)),
            ],
            options={
                "verbose_name": "terms of cover",
                "verbose_name_plural": "terms of cover",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="cover_terms_once")
                ],
            },
        ),
        migrations.RunPython(unguard, guard),
        migrations.AddField("activationcode", "cover_terms", frozen_by(blank=True, null=True)),
        migrations.AddField("order", "cover_terms", frozen_by(null=True)),
        migrations.AddField("period", "cover_terms", frozen_by(null=True)),
        migrations.RunPython(freeze_what_is_on_file, migrations.RunPython.noop),
        migrations.AlterField("order", "cover_terms", frozen_by()),
        migrations.AlterField("period", "cover_terms", frozen_by()),
        migrations.RemoveConstraint("activationcode", "code_sold_with_terms"),
        migrations.AddConstraint(
            "activationcode",
            models.CheckConstraint(
                condition=Q(**UNSOLD, cover_terms__isnull=True)
                | Q(**SOLD, cover_terms__isnull=False),
                name="code_sold_with_terms",
            ),
        ),
        migrations.RunPython(guard, unguard),
        migrations.RunPython(make_immutable, make_mutable),
    ]
