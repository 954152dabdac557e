from django.db import migrations

from policies.shared import database

# On SQLite an ALTER rebuilds its table and loses the triggers: a later migration that alters
# one of these tables puts them back with the same functions.
HISTORY = ["policies_codeevent", "policies_policyevent"]


def guard(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for table in HISTORY:
        database.run(schema_editor, database.append_only_sql(table, vendor))
    database.run(schema_editor, database.allowance_guard_sql(vendor))


def unguard(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for table in HISTORY:
        database.run(schema_editor, database.drop_append_only_sql(table, vendor))
    database.run(schema_editor, database.drop_allowance_guard_sql(vendor))
    database.run(schema_editor, database.drop_functions_sql(vendor))


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_initial")]

    operations = [migrations.RunPython(guard, unguard)]
