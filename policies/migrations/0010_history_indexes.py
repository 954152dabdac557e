from django.conf import settings
from django.db import migrations, models

from policies.shared import roles

# Django's log is read like our own event tables: from its newest end, and by object.
LOG_INDEXES = {
    "history_log_at_idx": "action_time, id",
    "history_log_object_idx": "content_type_id, object_id",
}


def let_them_see(apps, schema_editor):
    seeing = {roles.MANAGER: ["view_logentry"], roles.AUDITOR: ["view_logentry"]}
    roles.grant(apps, "admin", seeing)


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0009_search_and_figures"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="codeevent",
            index=models.Index(fields=["at", "id"], name="codeevent_at_idx"),
        ),
        migrations.AddIndex(
            model_name="importevent",
            index=models.Index(fields=["at", "id"], name="importevent_at_idx"),
        ),
        migrations.AddIndex(
            model_name="letter",
            index=models.Index(fields=["created_at", "id"], name="letter_created_idx"),
        ),
        migrations.AddIndex(
            model_name="orderevent",
            index=models.Index(fields=["at", "id"], name="orderevent_at_idx"),
        ),
        migrations.AddIndex(
            model_name="policyevent",
            index=models.Index(fields=["at", "id"], name="policyevent_at_idx"),
        ),
        *(
            migrations.RunSQL(
                f"CREATE INDEX {name} ON django_admin_log ({columns})", f"DROP INDEX {name}"
            )
            for name, columns in LOG_INDEXES.items()
        ),
        migrations.RunPython(let_them_see, migrations.RunPython.noop),
    ]
