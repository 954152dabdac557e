"""What stands on the pages of drones, customers, orders and sales beside their facts."""

from dataclasses import replace

from django.db.models import Count, QuerySet
from django.utils.translation import gettext_lazy as _

from policies.admin import code_cells
from policies.admin.sales import codes_of
from policies.backoffice import sections
from policies.backoffice.cells import link, page_of_list
from policies.backoffice.sections import ROWS, Section
from policies.backoffice.times import when
from policies.models import (
    ActivationCode,
    Customer,
    Drone,
    Letter,
    Order,
    Sale,
    VideoVerification,
)
from policies.reporting import lifeline

# Letters are many, and seldom the reason to look.
FEW = 10


@sections.on(Drone)
def life_line(drone: Drone) -> Section:
    moments = lifeline.of(drone)
    return Section(
        _("life line"),
        [_("When"), _("What"), _("About"), _("Who"), _("Note")],
        [
            [when(moment.at), moment.what, link(moment.about), moment.who, moment.note]
            for moment in moments
        ],
    )


@sections.on(VideoVerification)
def films_of_the_serial(film: VideoVerification) -> Section:
    """The other films of the same drone, whoever sent them (V3)."""
    others = VideoVerification.objects.filter(serial=film.serial).exclude(pk=film.pk)
    rows = others.select_related("drone_model").order_by("-submitted_at", "-id")[:ROWS]
    return Section(
        _("other videos of this serial number"),
        [_("Video"), _("State"), _("Sent"), _("From"), _("Model"), _("Rejected because")],
        [
            [
                link(row, row.video_id),
                row.get_state_display(),
                when(row.submitted_at),
                row.email,
                row.drone_model,
                row.reason,
            ]
            for row in rows
        ],
        more=page_of_list(VideoVerification, film.serial) if len(rows) == ROWS else "",
    )


@sections.on(Customer)
def orders(customer: Customer) -> Section:
    rows = customer.orders.select_related("drone", "plan")[:ROWS]
    return Section(
        _("orders"),
        [_("Order"), _("Drone"), _("Plan"), _("Ordered"), _("Shipped")],
        [
            [
                link(row, row.reference),
                link(row.drone),
                row.plan,
                when(row.placed_at),
                when(row.shipped_at),
            ]
            for row in rows
        ],
        permission="policies.view_order",
        more=page_of_list(Order, customer.email) if len(rows) == ROWS else "",
    )


@sections.on(Order)
def other_lines(order: Order) -> Section:
    """The other drones that were bought under the same reference (B9)."""
    same = Order.objects.filter(reference=order.reference).exclude(pk=order.pk)
    rows = same.select_related("drone", "plan", "customer")[:ROWS]
    return Section(
        _("other lines of this order"),
        [_("Line"), _("Plan"), _("Customer"), _("Ordered"), _("Shipped"), _("Cancelled")],
        [
            [
                link(row, row.drone.serial),
                row.plan,
                link(row.customer, row.customer.name),
                *(when(instant) for instant in (row.placed_at, row.shipped_at, row.cancelled_at)),
            ]
            for row in rows
        ],
        more=page_of_list(Order, order.reference) if len(rows) == ROWS else "",
    )


@sections.on(Customer)
def sales(customer: Customer) -> Section:
    rows = customer.sales.select_related("region").annotate(size=Count("codes"))[:ROWS]
    return Section(
        _("sales of codes"),
        [_("Sale"), _("Codes"), _("Region"), _("Sold"), _("By")],
        [[link(row), row.size, row.region, when(row.sold_at), row.actor] for row in rows],
        permission="policies.view_sale",
        more=page_of_list(Sale, customer.email) if len(rows) == ROWS else "",
    )


@sections.on(Customer)
def codes_bought(customer: Customer) -> Section:
    codes = ActivationCode.objects.filter(sale__buyer=customer).select_related("sale")
    rows = code_cells.with_all_that_is_shown(codes)[:ROWS]
    return Section(
        _("codes bought"),
        [*code_cells.HEADINGS, _("Sale"), _("Sold")],
        [
            [*code_cells.row(code), link(code.sale), when(code.sale.sold_at if code.sale else None)]
            for code in rows
        ],
        permission="policies.view_activationcode",
        more=codes_of(customer) if len(rows) == ROWS else "",
    )


@sections.on(Sale)
def codes_of_the_sale(sale: Sale) -> Section:
    rows = code_cells.with_all_that_is_shown(sale.codes.order_by("id"))[:ROWS]
    return Section(
        _("codes"),
        [*code_cells.HEADINGS, _("Void because")],
        [[*code_cells.row(code), code.void_reason or "–"] for code in rows],
        permission="policies.view_activationcode",
        more=codes_of(sale) if len(rows) == ROWS else "",
    )


@sections.on(Customer)
def letters(customer: Customer) -> Section:
    section = _letters(Letter.objects.filter(recipient=customer.email), FEW)
    more = page_of_list(Letter, customer.email) if len(section.rows) == FEW else ""
    return replace(section, more=more)


@sections.on(Sale)
def letters_of_the_sale(sale: Sale) -> Section:
    return _letters(Letter.objects.filter(sale=sale), ROWS)


def _letters(rows: QuerySet[Letter], most: int) -> Section:
    return Section(
        _("letters"),
        [_("Letter"), _("State"), _("Written"), _("Sent")],
        [
            [link(row, row.title), row.get_state_display(), when(row.created_at), when(row.sent_at)]
            for row in rows.order_by("-id")[:most]
        ],
        permission="policies.view_letter",
    )
