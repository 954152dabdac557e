from django.db import migrations

from policies.shared import database, roles
from policies.migrations import _catalogue as catalogue

HISTORY = ["policies_orderevent"]

VIEW = [
    f"view_{name}"
    for name in ("order", "videoverification", "verificationstep", "reminderday", "sweeprun")
]
EDIT = [
    f"{verb}_{name}"
    for verb in ("add", "change", "delete")
    for name in ("verificationstep", "reminderday")
]

PERMISSIONS = {
    roles.SALES: [*VIEW, "enter_order", "import_orders", "renew_policy", "transfer_policy"],
    roles.VERIFICATION: [*VIEW, "review_video", "grant_permit"],
    roles.CLAIMS: [*VIEW, "grant_permit"],
    roles.MANAGER: [
        *VIEW,
        *EDIT,
        "enter_order",
        "import_orders",
        "renew_policy",
        "transfer_policy",
        "cancel_policy",
        "review_video",
        "grant_permit",
    ],
    roles.AUDITOR: VIEW,
}


def forward(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for table in HISTORY:
        database.run(schema_editor, database.append_only_sql(table, vendor))
    VerificationStep = apps.get_model("policies", "VerificationStep")
    for position, row in enumerate(catalogue.INSTRUCTIONS, start=1):
        VerificationStep.objects.create(position=position, **row)
    for days in (30, 7, 1):
        apps.get_model("policies", "ReminderDay").objects.create(days=days)
    roles.grant(apps, "policies", PERMISSIONS)


def backward(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for table in HISTORY:
        database.run(schema_editor, database.drop_append_only_sql(table, vendor))


class Migration(migrations.Migration):
    dependencies = [("policies", "0006_whole_life")]

    operations = [migrations.RunPython(forward, backward)]
