from django.db import migrations

from policies.shared import database

HISTORY = ["claims_claimevent", "claims_decision"]


def guard(apps, schema_editor):
    for table in HISTORY:
        vendor = schema_editor.connection.vendor
        database.run(schema_editor, database.append_only_sql(table, vendor))


def unguard(apps, schema_editor):
    for table in HISTORY:
        vendor = schema_editor.connection.vendor
        database.run(schema_editor, database.drop_append_only_sql(table, vendor))


class Migration(migrations.Migration):
    # The function that the PostgreSQL triggers call is made there.
    dependencies = [("claims", "0001_initial"), ("policies", "0002_guards")]

    operations = [migrations.RunPython(guard, unguard)]
