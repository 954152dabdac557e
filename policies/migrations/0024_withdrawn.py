from django.db import migrations, models


def withdrawn():
    text = "Left out of everything new (P10). What was sold or is on file goes on."
    return models.BooleanField("withdrawn", default=False, help_text=text)


class Migration(migrations.Migration):
    dependencies = [("policies", "0023_links")]

    operations = [
        migrations.AddField(model, "is_withdrawn", withdrawn())
        for model in ["plan", "dronemodel", "series", "region"]
    ]
