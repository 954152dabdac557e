from django.db import migrations

from policies import sealing
from policies.shared import database

COLUMNS = "policy_id reference digest sealed key_id made_at".split()

# The link's id stands in for its token; tokens that were replaced long ago go without one.
LINKS_IN_LETTERS = """
UPDATE policies_letter AS l SET context = {context}
FROM claims_claim c JOIN policies_link k ON k.policy_id = c.policy_id AND k.reference = c.number
WHERE l.reference = c.number AND {token} = c.token
"""
OLD_TOKENS = "UPDATE policies_letter AS l SET context = {context} WHERE {token} IS NOT NULL"
REPLACED = {
    "postgresql": "(l.context - 'token') || jsonb_build_object('link', k.id)",
    "sqlite": "json_set(json_remove(l.context, '$.token'), '$.link', k.id)",
}
REMOVED = {
    "postgresql": "l.context - 'token'",
    "sqlite": "json_remove(l.context, '$.token')",
}
TOKEN = {
    "postgresql": "l.context ->> 'token'",
    "sqlite": "json_extract(l.context, '$.token')",
}


def seal_the_links(apps, schema_editor):
    claims = apps.get_model("claims", "Claim").objects.order_by("pk")
    facts = claims.values_list("policy_id", "number", "token", "submitted_at")
    rows = facts.iterator(chunk_size=10_000)
    database.insert_many(
        apps.get_model("policies", "Link"),
        COLUMNS,
        (
            (policy, number, *sealing.seal(token, kind="link"), made_at)
            for policy, number, token, made_at in rows
        ),
    )
    vendor = schema_editor.connection.vendor
    token = TOKEN[vendor]
    statements = [
        LINKS_IN_LETTERS.format(context=REPLACED[vendor], token=token),
        OLD_TOKENS.format(context=REMOVED[vendor], token=token),
    ]
    if vendor == "postgresql":
        # Its foreign keys are looked at when the transaction ends, and until then no table that
        # was written to can be altered.
        statements += ["SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED"]
    database.run(schema_editor, statements)


def refuse_the_way_back(apps, schema_editor):
    if apps.get_model("claims", "Claim").objects.exists():
        raise RuntimeError(
            "The links of customers are sealed; the release before this one kept them as plain"
            " text. To go back to it, restore the backup that was taken before the upgrade."
        )


class Migration(migrations.Migration):
    dependencies = [("claims", "0011_email_domains"), ("policies", "0023_links")]

    operations = [
        migrations.RunPython(seal_the_links, migrations.RunPython.noop),
        migrations.RemoveConstraint("claim", "claim_token_once"),
        migrations.RemoveField("claim", "token"),
        # Last, so that the way back stops before it has changed anything.
        migrations.RunPython(migrations.RunPython.noop, refuse_the_way_back),
    ]
