from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0014_parcels"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="policy",
            name="policy_one_running_per_drone",
        ),
    ]
