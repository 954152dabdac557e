from django.db import migrations, models
from django.db.models import F

ALREADY = "This drone is part of this order already."
ANOTHER = "This drone is part of another order."


def free_orders_of_cancelled_plans(apps, schema_editor):
    """An order whose plan was cancelled before it began has stood since then, for no reason."""
    order_model = apps.get_model("policies", "Order")
    event_model = apps.get_model("policies", "OrderEvent")
    held = order_model.objects.filter(
        cancelled_at__isnull=True,
        policy__status="cancelled",
        policy__cancelled_at__lt=F("policy__starts_at"),
    )
    for order in list(held.select_related("policy")):
        order.cancelled_at = order.policy.cancelled_at
        order.save(update_fields=["cancelled_at"])
        event_model.objects.create(
            order=order,
            kind="cancelled",
            at=order.policy.cancelled_at,
            actor="migrate",
            note=order.policy.cancel_reason,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0011_letter_names"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="order", name="order_reference_once"),
        migrations.RemoveConstraint(model_name="order", name="order_one_per_drone"),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["reference"], name="order_reference_idx"),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cancelled_at__isnull", True)),
                fields=("reference", "drone"),
                name="order_line_once",
                violation_error_message=ALREADY,
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cancelled_at__isnull", True), ("policy__isnull", True)),
                fields=("drone",),
                name="order_one_open_per_drone",
                violation_error_message=ANOTHER,
            ),
        ),
        # Last: PostgreSQL alters no table whose rows were changed in the same transaction.
        migrations.RunPython(free_orders_of_cancelled_plans, migrations.RunPython.noop),
    ]
