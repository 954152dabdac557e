from django.db import migrations, models
from django.db.models import F, Func, Value
from django.db.models.functions import Replace, Upper

from policies.shared import roles

LETTERS = Replace(F("name"), Value(" "), Value(""))
BEGINNING = Func(F("name"), LETTERS, function="RTRIM", arity=2)
FAMILY_NAME = Upper(Func(F("name"), BEGINNING, Value(""), function="REPLACE"))

PERMISSIONS = {role: ["view_snapshot"] for role in (roles.MANAGER, roles.AUDITOR)}


def grant(apps, schema_editor):
    roles.grant(apps, "policies", PERMISSIONS)


class Migration(migrations.Migration):
    dependencies = [("policies", "0008_imports")]

    operations = [
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=40, verbose_name="figures")),
                ("taken_at", models.DateTimeField(verbose_name="as of")),
                ("figures", models.JSONField(default=dict, verbose_name="values")),
            ],
            options={
                "verbose_name": "figures",
                "verbose_name_plural": "figures",
                "ordering": ["name"],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(fields=("name",), name="snapshot_once"),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(Upper("name"), name="customer_name_idx"),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(FAMILY_NAME, name="customer_family_name_idx"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("cancelled_at__isnull", True), ("policy__isnull", True)),
                fields=["placed_at", "id"],
                name="order_to_ship_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="videoverification",
            index=models.Index(fields=["serial"], name="verification_serial_idx"),
        ),
        migrations.AddIndex(
            model_name="videoverification",
            index=models.Index(fields=["email"], name="verification_email_idx"),
        ),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
