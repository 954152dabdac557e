import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def hold_drones(apps, schema_editor):
    """What is held is the drone of the policy: a hold moved along with it (T1)."""
    holds = apps.get_model("policies", "Hold").objects.order_by()
    policies = apps.get_model("policies", "Policy").objects.filter(pk=OuterRef("policy"))
    holds.update(drone=Subquery(policies.order_by().values("drone")[:1]))
    if schema_editor.connection.vendor == "postgresql":
        # Its foreign keys are looked at when the transaction ends, and until then no table that
        # was written to can be altered.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


def held(to, **options):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name="holds", to=to, **options
    )


class Migration(migrations.Migration):
    dependencies = [("policies", "0020_email_domains")]

    operations = [
        migrations.AddField("hold", "drone", held("policies.drone", null=True)),
        migrations.RunPython(hold_drones, migrations.RunPython.noop),
        migrations.AlterField("hold", "drone", held("policies.drone")),
        migrations.AlterField("hold", "policy", held("policies.policy", blank=True, null=True)),
    ]
