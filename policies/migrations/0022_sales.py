import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from policies.shared import database, roles

# A sale takes the number of its first code: so both statements find it without a look-up.
MAKE_SALES = """
INSERT INTO policies_sale
    (id, buyer_id, region_id, order_reference, sold_at, sold_by_id, actor)
SELECT g.id, g.sold_to_id, g.region_id, g.order_reference, g.sold_at, e.by_id,
       COALESCE(e.actor, '')
FROM (
    SELECT MIN(c.id) AS id, c.sold_to_id, b.region_id, c.order_reference, c.sold_at
    FROM policies_activationcode c JOIN policies_codebatch b ON b.id = c.batch_id
    WHERE c.sold_at IS NOT NULL
    GROUP BY c.sold_to_id, b.region_id, c.order_reference, c.sold_at
) g
LEFT JOIN (
    SELECT code_id, MIN(id) AS id FROM policies_codeevent WHERE kind = 'sold' GROUP BY code_id
) first ON first.code_id = g.id
LEFT JOIN policies_codeevent e ON e.id = first.id
"""
PUT_CODES_IN = """
UPDATE policies_activationcode SET sale_id = g.sale
FROM (
    SELECT c.id, MIN(c.id) OVER (
        PARTITION BY c.sold_to_id, b.region_id, c.order_reference, c.sold_at
    ) AS sale
    FROM policies_activationcode c JOIN policies_codebatch b ON b.id = c.batch_id
    WHERE c.sold_at IS NOT NULL
) g
WHERE g.id = policies_activationcode.id
"""
FIRST_CODE = {
    "postgresql": "(policies_letter.context -> 'code_ids' ->> 0)::bigint",
    "sqlite": "json_extract(policies_letter.context, '$.code_ids[0]')",
}
PUT_LETTERS_IN = """
UPDATE policies_letter SET sale_id = c.sale_id
FROM policies_activationcode c
WHERE policies_letter.name = 'code_sold' AND c.id = {first_code}
"""
TAKE_CODES_OUT = """
UPDATE policies_activationcode
SET sold_to_id = s.buyer_id, sold_at = s.sold_at, order_reference = s.order_reference
FROM policies_sale s WHERE s.id = policies_activationcode.sale_id
"""


def make_sales(apps, schema_editor):
    """Codes that one buyer got at one instant under one reference were one sale."""
    connection = schema_editor.connection
    put_letters_in = PUT_LETTERS_IN.format(first_code=FIRST_CODE[connection.vendor])
    database.run(schema_editor, [MAKE_SALES, PUT_CODES_IN, put_letters_in])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence('policies_sale', 'id'), MAX(id))"
                " FROM policies_sale HAVING MAX(id) IS NOT NULL"
            )
    check_now(schema_editor)


def unmake_sales(apps, schema_editor):
    database.run(schema_editor, [TAKE_CODES_OUT])
    check_now(schema_editor)


def check_now(schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        # Its foreign keys are looked at when the transaction ends, and until then no table that
        # was written to can be altered.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


VIEW = ["view_sale"]
PERMISSIONS = {
    roles.SALES: [*VIEW, "take_back_codes"],
    roles.VERIFICATION: VIEW,
    roles.CLAIMS: VIEW,
    roles.MANAGER: [*VIEW, "take_back_codes", "void_batch"],
    roles.AUDITOR: VIEW,
}


def forward(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    database.run(schema_editor, database.append_only_sql("policies_saleevent", vendor))
    roles.grant(apps, "policies", PERMISSIONS)


def backward(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    database.run(schema_editor, database.drop_append_only_sql("policies_saleevent", vendor))


def sale(related_name):
    return models.ForeignKey(
        blank=True,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to="policies.sale",
    )


def member_of_staff():
    return models.ForeignKey(
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


def big_id():
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


UNSOLD = {
    "months__isnull": True,
    "replacements__isnull": True,
    "warranty_months__isnull": True,
    "binding_window_hours__isnull": True,
    "cover_terms__isnull": True,
}
SOLD = {
    "months__isnull": False,
    "months__gt": 0,
    "replacements__isnull": False,
    "warranty_months__isnull": False,
    "binding_window_hours__isnull": False,
    "binding_window_hours__gt": 0,
    "cover_terms__isnull": False,
}


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0021_hold_of_drones"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Sale",
            fields=[
                ("id", big_id()),
                (
                    "buyer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sales",
                        to="policies.customer",
                    ),
                ),
                (
                    "region",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="policies.region",
                    ),
                ),
                (
                    "order_reference",
                    models.CharField(blank=True, max_length=64, verbose_name="order reference"),
                ),
                ("sold_at", models.DateTimeField(verbose_name="sold")),
                ("sold_by", member_of_staff()),
                ("actor", models.CharField(max_length=150, verbose_name="sold by")),
            ],
            options={
                "verbose_name": "sale of codes",
                "verbose_name_plural": "sales of codes",
                "ordering": ["-id"],
                "permissions": [("take_back_codes", "Can take back codes that were sold")],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["sold_at"], name="sale_sold_at_idx"),
                    models.Index(
                        condition=models.Q(("order_reference", ""), _negated=True),
                        fields=["order_reference"],
                        name="sale_order_idx",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SaleEvent",
            fields=[
                ("id", big_id()),
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
                    "sale",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="policies.sale",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "id"],
                "abstract": False,
                "indexes": [models.Index(fields=["at", "id"], name="saleevent_at_idx")],
            },
        ),
        migrations.AlterModelOptions(
            name="codebatch",
            options={
                "default_permissions": ("view",),
                "ordering": ["-id"],
                "permissions": [
                    ("generate_codes", "Can generate a batch of activation codes"),
                    ("import_codes", "Can import a supplier's activation codes"),
                    ("void_batch", "Can void a whole batch of activation codes"),
                ],
                "verbose_name": "batch of codes",
                "verbose_name_plural": "batches of codes",
            },
        ),
        migrations.AddField("letter", "sale", sale("letters")),
        migrations.AddField("activationcode", "sale", sale("codes")),
        migrations.RemoveIndex("activationcode", "code_order_idx"),
        migrations.RemoveConstraint("activationcode", "code_sold_has_date"),
        migrations.RemoveConstraint("activationcode", "code_sold_with_terms"),
        migrations.RunPython(make_sales, unmake_sales),
        migrations.RemoveField("activationcode", "sold_to"),
        migrations.RemoveField("activationcode", "sold_at"),
        migrations.RemoveField("activationcode", "order_reference"),
        migrations.AddConstraint(
            "activationcode",
            models.CheckConstraint(
                condition=Q(state="in_stock", sale__isnull=True)
                | Q(state="sold", sale__isnull=False)
                | Q(state="void"),
                name="code_sold_has_sale",
            ),
        ),
        migrations.AddConstraint(
            "activationcode",
            models.CheckConstraint(
                condition=Q(sale__isnull=True, **UNSOLD) | Q(sale__isnull=False, **SOLD),
                name="code_sold_with_terms",
            ),
        ),
        migrations.RunPython(forward, backward),
    ]
