from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("claims", "0007_deadlines_and_payments")]

    operations = [
        migrations.RemoveConstraint(model_name="claim", name="claim_moves_on_accepted"),
        migrations.AddConstraint(
            model_name="claim",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "progress__in",
                        ["submitted", "declined", "cancelled", "returning", "returned"],
                    ),
                    ("accepted_at__isnull", False),
                    _connector="OR",
                ),
                name="claim_moves_on_accepted",
            ),
        ),
    ]
