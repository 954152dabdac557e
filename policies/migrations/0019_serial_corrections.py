from django.db import migrations

from policies.shared import roles


def forward(apps, schema_editor):
    roles.grant(apps, "policies", {roles.MANAGER: ["correct_serial"]})


class Migration(migrations.Migration):
    dependencies = [("policies", "0018_once_only_forms")]

    operations = [
        migrations.AlterModelOptions(
            name="policy",
            options={
                "default_permissions": ("view",),
                "ordering": ["-id"],
                "permissions": [
                    ("bind_policy", "Can bind a policy to a drone at the desk"),
                    ("renew_policy", "Can sell a renewal at the desk"),
                    ("transfer_policy", "Can move a policy to a new owner"),
                    ("cancel_policy", "Can cancel a policy"),
                    ("correct_serial", "Can correct the serial number of a policy's drone"),
                ],
                "verbose_name_plural": "policies",
            },
        ),
        migrations.RunPython(forward, migrations.RunPython.noop),
    ]
