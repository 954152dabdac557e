from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("claims", "0005_whole_fees"),
        ("policies", "0010_history_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="claim",
            index=models.Index(fields=["submitted_at", "id"], name="claim_submitted_idx"),
        ),
        migrations.AddIndex(
            model_name="claimevent",
            index=models.Index(fields=["at", "id"], name="claimevent_at_idx"),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["at", "id"], name="decision_at_idx"),
        ),
        migrations.AddIndex(
            model_name="feepayment",
            index=models.Index(fields=["received_at", "id"], name="payment_received_idx"),
        ),
    ]
