from django.db import migrations


def seed(apps, schema_editor):
    Deadline = apps.get_model("claims", "Deadline")
    for kind in ("label", "fee"):
        Deadline.objects.create(kind=kind, remind_after_days=10, ends_after_days=30)


class Migration(migrations.Migration):
    dependencies = [("claims", "0002_guards")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
