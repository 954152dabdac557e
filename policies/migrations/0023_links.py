import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

from policies import sealing
from policies.shared import database, roles

COLUMNS = "policy_id reference digest sealed key_id made_at".split()

# In the letters the link's id stands in for its token.
LINKS_IN_LETTERS = """
UPDATE policies_letter AS l SET context = {context}
FROM policies_policy p JOIN policies_link k ON k.policy_id = p.id AND k.reference = ''
WHERE l.policy_id = p.id AND {token} = p.token
"""
CONTEXT = {
    "postgresql": "(l.context - 'token') || jsonb_build_object('link', k.id)",
    "sqlite": "json_set(json_remove(l.context, '$.token'), '$.link', k.id)",
}
TOKEN = {
    "postgresql": "l.context ->> 'token'",
    "sqlite": "json_extract(l.context, '$.token')",
}


def seal_the_links(apps, schema_editor):
    """The links in customers' mailboxes go on working; what the database knew, it forgets."""
    policies = apps.get_model("policies", "Policy").objects.order_by("pk")
    rows = policies.values_list("pk", "token", "created_at").iterator(chunk_size=10_000)
    database.insert_many(
        apps.get_model("policies", "Link"),
        COLUMNS,
        ((pk, "", *sealing.seal(token, kind="link"), made_at) for pk, token, made_at in rows),
    )
    vendor = schema_editor.connection.vendor
    sql = LINKS_IN_LETTERS.format(context=CONTEXT[vendor], token=TOKEN[vendor])
    database.run(schema_editor, [sql])
    if vendor == "postgresql":
        # Its foreign keys are looked at when the transaction ends, and until then no table that
        # was written to can be altered.
        database.run(
            schema_editor, ["SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED"]
        )


def refuse_the_way_back(apps, schema_editor):
    if apps.get_model("policies", "Policy").objects.exists():
        raise RuntimeError(
            "The links of customers are sealed; the release before this one kept them as plain"
            " text. To go back to it, restore the backup that was taken before the upgrade."
        )


def grant(apps, schema_editor):
    desks = (roles.SALES, roles.VERIFICATION, roles.CLAIMS, roles.MANAGER)
    roles.grant(apps, "policies", {desk: ["revoke_link"] for desk in desks})


class Migration(migrations.Migration):
    dependencies = [("policies", "0022_sales")]

    operations = [
        migrations.CreateModel(
            name="Link",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(blank=True, max_length=32, verbose_name="reference"),
                ),
                ("digest", models.UUIDField(editable=False)),
                ("sealed", models.BinaryField(editable=False)),
                (
                    "key_id",
                    models.CharField(editable=False, max_length=16, verbose_name="sealed with key"),
                ),
                ("made_at", models.DateTimeField(verbose_name="made")),
                (
                    "revoked_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="revoked"),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="links",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "permissions": [("revoke_link", "Can revoke a customer's link")],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="link_digest_once"),
                    models.UniqueConstraint(
                        condition=Q(revoked_at__isnull=True),
                        fields=("policy", "reference"),
                        name="link_one_for_each_page",
                    ),
                    models.CheckConstraint(
                        condition=Q(revoked_at__isnull=True) | Q(revoked_at__gte=F("made_at")),
                        name="link_revoked_after_made",
                    ),
                ],
            },
        ),
        migrations.RunPython(seal_the_links, migrations.RunPython.noop),
        migrations.RemoveConstraint("policy", "policy_token_once"),
        migrations.RemoveField("policy", "token"),
        # Last, so that the way back stops before it has changed anything.
        migrations.RunPython(grant, refuse_the_way_back),
    ]
