from django.db import migrations

from policies.shared import roles

CATALOGUE = (
    "region regioncountry series dronemodel coveredpart plan exclusion replacementfee"
).split()
RECORDS = "codebatch activationcode drone customer policy period bindingpermit letter".split()
LEDGERS = "allowanceuse".split()

VIEW_ALL = [f"view_{name}" for name in CATALOGUE + RECORDS + LEDGERS]
SELL = ["generate_codes", "import_codes", "sell_code", "void_code", "bind_policy"]
EDIT_CATALOGUE = [f"{verb}_{name}" for verb in ("add", "change", "delete") for name in CATALOGUE]

PERMISSIONS = {
    roles.SALES: [
        *VIEW_ALL,
        *SELL,
        "add_customer",
        "change_customer",
        "add_drone",
        "resend_letter",
    ],
    roles.VERIFICATION: [*VIEW_ALL, "resend_letter"],
    roles.CLAIMS: [*VIEW_ALL, "resend_letter"],
    roles.MANAGER: [
        *VIEW_ALL,
        *SELL,
        *EDIT_CATALOGUE,
        "reveal_code",
        "add_customer",
        "change_customer",
        "add_drone",
        "change_drone",
        "resend_letter",
    ],
    roles.AUDITOR: VIEW_ALL,
}


def grant(apps, schema_editor):
    roles.grant(apps, "policies", PERMISSIONS)


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0003_catalogue"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
