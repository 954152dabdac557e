from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0014_parcels"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="policy",
            name="policy_one_running_per_drone",
        ),
        migrations.AddIndex(
            model_name="policy",
            index=models.Index(
                condition=models.Q(("status", "scheduled")),
                fields=["starts_at", "id"],
                name="policy_begin_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="policy",
            index=models.Index(
                condition=models.Q(("status", "active")),
                fields=["starts_at", "id"],
                name="policy_begun_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="policy",
            index=models.Index(
                condition=models.Q(("status", "expired")),
                fields=["ends_at", "id"],
                name="policy_ended_idx",
            ),
        ),
    ]
