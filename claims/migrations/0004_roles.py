from django.db import migrations

from policies.shared import roles

VIEW = [f"view_{name}" for name in ("claim", "photo", "feepayment", "shipment", "deadline")]
WORK = ["decide_claim", "handle_claim", "record_payment", "undo_claim", "retry_label"]

PERMISSIONS = {
    roles.SALES: ["view_claim"],
    roles.VERIFICATION: ["view_claim"],
    roles.CLAIMS: [*VIEW, *WORK],
    roles.MANAGER: [*VIEW, *WORK, "change_deadline"],
    roles.AUDITOR: VIEW,
}


def grant(apps, schema_editor):
    roles.grant(apps, "claims", PERMISSIONS)


class Migration(migrations.Migration):
    dependencies = [
        ("claims", "0003_deadlines"),
        ("policies", "0004_roles"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
