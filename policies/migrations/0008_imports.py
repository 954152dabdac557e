import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

from policies.shared import database, roles

HISTORY = ["policies_importevent"]

VIEW = ["view_import"]

PERMISSIONS = {
    roles.SALES: [*VIEW, "import_drones"],
    roles.MANAGER: [*VIEW, "import_drones", "import_fees"],
    roles.AUDITOR: VIEW,
}


def forward(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for table in HISTORY:
        database.run(schema_editor, database.append_only_sql(table, vendor))
    roles.grant(apps, "policies", PERMISSIONS)


def backward(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for table in HISTORY:
        database.run(schema_editor, database.drop_append_only_sql(table, vendor))


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0007_clock_and_roles"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Import",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("codes", "Activation codes"),
                            ("orders", "Orders"),
                            ("drones", "Drones"),
                            ("fees", "Replacement fees"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("uploaded", "Waiting to be checked"),
                            ("checking", "Being checked"),
                            ("checked", "To be confirmed"),
                            ("confirmed", "Waiting to be imported"),
                            ("importing", "Being imported"),
                            ("done", "Imported"),
                            ("failed", "Failed"),
                            ("discarded", "Discarded"),
                        ],
                        default="uploaded",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("stored_as", models.CharField(blank=True, max_length=120)),
                ("file_name", models.CharField(max_length=255, verbose_name="file")),
                ("file_size", models.PositiveIntegerField(verbose_name="size (bytes)")),
                ("digest", models.CharField(max_length=64)),
                ("rows", models.PositiveIntegerField(default=0, verbose_name="rows")),
                ("bad", models.PositiveIntegerField(default=0, verbose_name="bad")),
                ("new", models.PositiveIntegerField(default=0, verbose_name="new")),
                ("changed", models.PositiveIntegerField(default=0, verbose_name="changed")),
                ("same", models.PositiveIntegerField(default=0, verbose_name="already the same")),
                (
                    "rows_done",
                    models.PositiveIntegerField(default=0, verbose_name="rows looked through"),
                ),
                ("fingerprint", models.CharField(blank=True, max_length=32)),
                ("problems", models.JSONField(blank=True, default=list)),
                ("changes", models.JSONField(blank=True, default=list)),
                ("unused_headings", models.JSONField(blank=True, default=list)),
                ("errors_stored_as", models.CharField(blank=True, max_length=120)),
                ("trouble", models.TextField(blank=True, verbose_name="trouble")),
                ("uploaded_at", models.DateTimeField(verbose_name="uploaded")),
                (
                    "skip_bad",
                    models.BooleanField(default=False, verbose_name="leave out the bad rows"),
                ),
                (
                    "confirmed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="confirmed"),
                ),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished"),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                (
                    "next_try_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="next try"),
                ),
                (
                    "batch",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="policies.codebatch",
                    ),
                ),
                (
                    "confirmed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "drone_model",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="policies.dronemodel",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="policies.plan",
                    ),
                ),
                (
                    "region",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="policies.region",
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "import",
                "ordering": ["-id"],
                "permissions": [
                    ("import_drones", "Can import drones"),
                    ("import_fees", "Can import replacement fees"),
                ],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ImportEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=30, verbose_name="what")),
                ("at", models.DateTimeField(verbose_name="when")),
                ("actor", models.CharField(max_length=150, verbose_name="who")),
                (
                    "address",
                    models.GenericIPAddressField(blank=True, null=True, verbose_name="from where"),
                ),
                ("note", models.TextField(blank=True, verbose_name="note")),
                ("data", models.JSONField(blank=True, default=dict, verbose_name="details")),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "of",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="policies.import",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "id"],
                "abstract": False,
            },
        ),
        migrations.AddIndex(
            model_name="import",
            index=models.Index(
                condition=models.Q(("next_try_at__isnull", False)),
                fields=["next_try_at", "id"],
                name="import_due_idx",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.UniqueConstraint(
                condition=models.Q(("finished_at__isnull", True)),
                fields=("kind", "digest"),
                name="import_once_while_open",
                violation_error_message="This file has been uploaded already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["codes", "orders", "drones", "fees"])),
                name="import_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("drone_model__isnull", False),
                        ("kind", "codes"),
                        ("plan__isnull", False),
                        ("region__isnull", False),
                    ),
                    models.Q(
                        models.Q(("kind", "codes"), _negated=True),
                        ("drone_model__isnull", True),
                        ("plan__isnull", True),
                        ("region__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="import_of_codes_has_catalogue",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("finished_at__isnull", True),
                        (
                            "state__in",
                            ["uploaded", "checking", "checked", "confirmed", "importing"],
                        ),
                        models.Q(("stored_as", ""), _negated=True),
                    ),
                    models.Q(
                        ("finished_at__isnull", False),
                        ("state__in", ["done", "failed", "discarded"]),
                        ("stored_as", ""),
                    ),
                    _connector="OR",
                ),
                name="import_file_while_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("next_try_at__isnull", False),
                        ("state__in", ["uploaded", "checking", "confirmed", "importing"]),
                    ),
                    models.Q(
                        ("next_try_at__isnull", True),
                        ("state__in", ["checked", "done", "failed", "discarded"]),
                    ),
                    _connector="OR",
                ),
                name="import_due_while_running",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("confirmed_at__isnull", True),
                        ("skip_bad", False),
                        ("state__in", ["uploaded", "checking", "checked"]),
                    ),
                    models.Q(
                        ("confirmed_at__isnull", False),
                        ("state__in", ["confirmed", "importing", "done"]),
                        models.Q(("fingerprint", ""), _negated=True),
                    ),
                    ("state__in", ["failed", "discarded"]),
                    _connector="OR",
                ),
                name="import_confirmed_has_date",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["confirmed", "importing", "done"]), _negated=True),
                    ("bad", 0),
                    ("skip_bad", True),
                    _connector="OR",
                ),
                name="import_bad_rows_left_out_knowingly",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "rows",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("bad"), "+", models.F("new")
                                ),
                                "+",
                                models.F("changed"),
                            ),
                            "+",
                            models.F("same"),
                        ),
                    )
                ),
                name="import_counts_add_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "failed"), _negated=True),
                    models.Q(("trouble", ""), _negated=True),
                    _connector="OR",
                ),
                name="import_failed_says_why",
            ),
        ),
        migrations.RunPython(forward, backward),
    ]
