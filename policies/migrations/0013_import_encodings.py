from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0012_order_lines"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="import",
            name="differences",
            field=models.PositiveIntegerField(default=0, verbose_name="different from the books"),
        ),
        migrations.AddField(
            model_name="import",
            name="differing",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="import",
            name="encoding",
            field=models.CharField(blank=True, max_length=20, verbose_name="encoding"),
        ),
        migrations.AddField(
            model_name="import",
            name="encoding_guessed",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="import",
            name="read_from",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name="import",
            name="readings",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("encoding_guessed", False),
                    models.Q(
                        models.Q(("encoding", ""), _negated=True),
                        models.Q(("state__in", ["confirmed", "importing", "done"]), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="import_in_a_chosen_encoding",
            ),
        ),
    ]
