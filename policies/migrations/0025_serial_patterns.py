from django.db import migrations, models
from django.db.models import Q

OF_THE_STANDARD = "cta_2063_a"
# From before 2021: all of these series, and these models. A model that a dealer has added
# is taken for a newer one.
SERIES = ["phantom", "spark"]
MODELS = [
    *("mavic-pro", "mavic-pro-platinum", "mavic-air", "mavic-2-pro", "mavic-2-zoom"),
    *("mavic-mini", "mavic-air-2", "mini-2"),
    *("inspire-1-v2", "inspire-1-pro", "inspire-1-raw", "inspire-2"),
]


def except_the_old(apps, schema_editor):
    models = apps.get_model("policies", "DroneModel").objects.order_by()
    old = Q(series__slug__in=SERIES) | Q(slug__in=MODELS)
    models.filter(old).update(serial_pattern="")


class Migration(migrations.Migration):
    dependencies = [("policies", "0024_withdrawn")]

    operations = [
        migrations.AddField(
            "dronemodel",
            "serial_pattern",
            models.CharField(
                "pattern of its serial numbers",
                max_length=20,
                choices=[
                    ("", "No pattern: a model from before 2021"),
                    (OF_THE_STANDARD, "ANSI/CTA-2063-A: a model of 2021 or later"),
                ],
                default=OF_THE_STANDARD,
                blank=True,
                help_text="A serial number that breaks it must be confirmed once more.",
            ),
        ),
        migrations.RunPython(except_the_old, migrations.RunPython.noop),
        migrations.AddConstraint(
            "dronemodel",
            models.CheckConstraint(
                condition=Q(serial_pattern__in=["", OF_THE_STANDARD]),
                name="drone_model_serial_pattern_known",
            ),
        ),
        migrations.AlterField(
            "import", "differences", models.PositiveIntegerField("with a warning", default=0)
        ),
    ]
