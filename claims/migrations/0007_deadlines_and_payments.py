from django.db import migrations, models
from django.utils import timezone


def count_from_where_claims_stand(apps, schema_editor):
    """What customers were told counts from the newest step.

    Nobody who waits for missing parts was told of a time: theirs begins today, lest the first
    sweep sends their drones back unasked.
    """
    Claim = apps.get_model("claims", "Claim")
    Claim.objects.update(waits_since=models.F("progress_at"))
    Claim.objects.filter(progress="parts_missing").update(waits_since=timezone.now())


def seed(apps, schema_editor):
    """The same days as for a label and for a fee."""
    apps.get_model("claims", "Deadline").objects.get_or_create(
        kind="parts", defaults={"remind_after_days": 10, "ends_after_days": 30}
    )


def remove(apps, schema_editor):
    apps.get_model("claims", "Deadline").objects.filter(kind="parts").delete()


class Migration(migrations.Migration):
    dependencies = [("claims", "0006_history")]

    operations = [
        migrations.AddField(
            model_name="claim",
            name="waits_since",
            field=models.DateTimeField(null=True, verbose_name="time counts from"),
        ),
        migrations.AlterField(
            model_name="deadline",
            name="kind",
            field=models.CharField(
                choices=[
                    ("label", "Use of the shipping label"),
                    ("fee", "Payment of the replacement fee"),
                    ("parts", "Arrival of missing parts"),
                ],
                max_length=10,
                unique=True,
                verbose_name="for",
            ),
        ),
        migrations.RunPython(count_from_where_claims_stand, migrations.RunPython.noop),
        migrations.RunPython(seed, remove),
        migrations.AlterField(
            model_name="claim",
            name="waits_since",
            field=models.DateTimeField(verbose_name="time counts from"),
        ),
    ]
