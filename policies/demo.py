"""FACE: a believable dealer's care plans, made by the same verbs that staff and customers use."""

import random
from datetime import datetime, timedelta

from policies import (
    binding,
    codes,
    customers,
    drones,
    orders,
    renewal,
    sales,
    verification,
    voiding,
)
from policies.models import (
    ActivationCode,
    CodeBatch,
    Customer,
    Drone,
    DroneModel,
    Letter,
    Plan,
    Policy,
    Region,
)
from policies.rules import serials
from policies.rules.reference_numbers import ALPHABET
from policies.shared.actor import Actor

# region, country, model, plan, codes issued, how many of them are sold over the history
STOCK = [
    ("US", "US", "mavic-2-pro", "care-1y", 60, 24),
    ("US", "US", "mavic-3", "care-2y", 40, 14),
    ("US", "PR", "dji-fpv", "care-1y", 30, 7),
    ("CA", "CA", "mini-2", "care-1y", 30, 9),
    ("EU", "DE", "mavic-3", "care-1y", 40, 15),
    ("EU", "FR", "mavic-air-2", "care-2y", 30, 8),
    ("EU", "NL", "phantom-4-pro-v2", "care-1y", 20, 5),
    ("UK", "GB", "mavic-2-pro", "care-1y", 30, 9),
    ("CH", "CH", "mavic-3", "care-1y", 20, 4),
    ("AU", "AU", "mini-2", "care-2y", 20, 6),
    ("JP", "JP", "mini-2", "care-1y", 25, 8),
    ("TW", "TW", "mavic-air-2", "care-1y", 15, 3),
    ("US", "US", "mavic-2-pro", "refresh-plus", 25, 4),
    ("EU", "DE", "mavic-3", "refresh-plus", 15, 2),
]

NAMES = {
    "US": "Maya Torres|Ethan Brooks|Olivia Chen|Noah Whitaker|Ava Delgado|Liam O’Connor|Grace Kim|"
    "Henry Walsh|Chloe Nguyen|Jack Barrett|Ruby Hayes|Owen Fisher",
    "PR": "Camila Rivera|Diego Santiago|Lucía Ortiz",
    "CA": "Amélie Tremblay|Lucas Roy|Sophie MacDonald|Ben Singh|Zoe Campbell",
    "DE": "Lena Müller|Jonas Weber|Katharina Schäfer|Felix Hoffmann|Marie Groß|Tim Krüger",
    "FR": "Camille Dubois|Hugo Lefèvre|Inès Moreau|Théo Girard",
    "NL": "Sanne de Vries|Daan Bakker|Fleur Visser",
    "GB": "Isla Thompson|George Patel|Amelia Clarke|Oscar Hughes|Freya Evans",
    "CH": "Nora Zürcher|Luca Bianchi|Élodie Favre",
    "AU": "Ruby Mitchell|Jack Nguyen|Matilda Stewart",
    "JP": "Haruka Sato|Kenji Tanaka|Yui Suzuki|Ren Takahashi",
    "TW": "Chia-Ling Chen|Wei-Ting Lin",
}

MONTHS = 18

# Big Buck Bunny, which has a free licence: it shows no drone, but the player has a film to play.
FREE_FILM = "aqz-KE-bpKQ"


def serial_number(drone_model: DroneModel, chance: random.Random) -> str:
    """One as the maker gives them: by the standard since 2021, of fourteen characters before."""
    if drone_model.serial_pattern:
        return f"{serials.MAKER}F" + "".join(chance.choices(ALPHABET, k=15))
    return "163C" + "".join(chance.choices(ALPHABET, k=10))


def take_from_stock(drone_model: DroneModel, chance: random.Random, *, now: datetime) -> str:
    """The serial number of a drone that has come in, to be sold or sent."""
    return drones.register(
        serial=serial_number(drone_model, chance),
        drone_model=drone_model,
        activated_at=None,
        now=now,
    ).serial


class Dealer:
    """Plays the history of a dealer up to `now`. Same seed, same dealer."""

    def __init__(self, *, now: datetime, staff: Actor, seed: int = 7) -> None:
        self.now = now
        self.staff = staff
        self.random = random.Random(seed)  # noqa: S311 — a story, not a secret

    def sell_plans(self) -> None:
        for region, country, model, plan, issued, sold in STOCK:
            batch = self._issue(region, model, plan, issued)
            for _number in range(sold):
                self._sell_and_bind(batch, country)
        self._oddities()

    def _issue(self, region: str, model: str, plan: str, count: int) -> CodeBatch:
        return codes.generate(
            plan=Plan.objects.get(code=plan),
            drone_model=DroneModel.objects.get(slug=model),
            region=Region.objects.get(code=region),
            count=count,
            actor=self.staff,
            now=self.now - timedelta(days=30 * MONTHS + self.random.randint(5, 20)),
        )

    def _sell_and_bind(self, batch: CodeBatch, country: str) -> None:
        sold_at = self._some_time()
        buyer = self._buyer(country, sold_at)
        sale = sales.sell_from_stock(
            plan=batch.plan,
            drone_model=batch.drone_model,
            region=batch.region,
            quantity=1,
            to=buyer,
            order_reference=f"W-{self.random.randint(10_000, 99_999)}",
            actor=self.staff,
            now=sold_at,
        )
        [code] = sale.codes.select_related("batch__plan__renews", "batch__region")
        bound_at = sold_at + timedelta(hours=self.random.randint(1, 30))
        if batch.plan.is_renewal or bound_at > self.now or self.random.random() < 0.12:
            return
        self._bind(code, buyer, bound_at)

    def _bind(self, code: ActivationCode, buyer: Customer, bound_at: datetime) -> None:
        serial = serial_number(code.batch.drone_model, self.random)
        activated_at = bound_at - timedelta(hours=self.random.randint(1, 40))
        knows = self.random.random()
        if knows < 0.4:
            # Sold here: the dealer knows the drone before its owner comes.
            drones.register(
                serial=serial,
                drone_model=code.batch.drone_model,
                activated_at=activated_at,
                now=bound_at,
            )
        binding.bind_at_desk(
            code,
            binding.Application(
                serial=serial,
                name=buyer.name,
                email=buyer.email,
                country=str(buyer.country),
                phone=buyer.phone,
                drone_model=code.batch.drone_model,
                activated_at=activated_at if 0.4 <= knows < 0.7 else None,
            ),
            actor=self.staff if knows < 0.3 else Actor.customer("203.0.113.7"),
            now=bound_at,
        )

    def _some_time(self) -> datetime:
        # More of the sales lie in recent months, as with a dealer that grows.
        share = self.random.random() ** 1.5
        return self.now - timedelta(days=share * 30 * MONTHS, minutes=self.random.randint(5, 600))

    def _buyer(self, country: str, at: datetime) -> Customer:
        name = self.random.choice(NAMES[country].split("|"))
        mailbox = "".join(c for c in name.lower().replace(" ", ".") if c.isascii() and c != "’")
        phone = f"+00 555 {self.random.randint(100_000, 999_999)}"
        email = f"{mailbox}@example.com"
        return customers.known(name=name, email=email, country=country, phone=phone, now=at)

    def _oddities(self) -> None:
        """What happens at every dealer: a spoilt card, a code read out, a drone in the shop."""
        stock = ActivationCode.objects.in_stock().order_by("id")
        recently = self.now - timedelta(days=9)
        voiding.void(stock[0], reason="Card damaged in print", actor=self.staff, now=recently)
        codes.reveal(stock[1], reason="Printing one card", actor=self.staff, now=recently)
        for model in ("mavic-3", "mini-2", "inspire-2"):
            take_from_stock(DroneModel.objects.get(slug=model), self.random, now=self.now)

    def lead_a_whole_life(self) -> None:
        """Renewals in time, drones sold with their plan, films that wait to be watched."""
        self._renew()
        self._take_orders()
        self._receive_films()

    def _renew(self) -> None:
        """Some of those whose plan has run out had renewed it five days before."""
        for region, model in (("US", "mavic-2-pro"), ("EU", "mavic-3")):
            ended = Policy.objects.filter(
                region__code=region,
                drone__drone_model__slug=model,
                plan__code="care-1y",
                ends_at__lt=self.now,
            ).order_by("-ends_at")
            for policy in ended[:2]:
                renewal.sell_and_renew(
                    policy,
                    plan=Plan.objects.get(code="refresh-plus"),
                    order_reference=f"W-{self.random.randint(10_000, 99_999)}",
                    actor=self.staff,
                    now=policy.ends_at - timedelta(days=5),
                )

    def _take_orders(self) -> None:
        for days, country, ships in ((20, "GB", True), (1, "DE", False), (2, "US", False)):
            placed_at = self.now - timedelta(days=days)
            buyer = self._buyer(country, placed_at)
            mavic_3 = DroneModel.objects.get(slug="mavic-3")
            order = orders.place(
                orders.Purchase(
                    reference=f"W-{self.random.randint(10_000, 99_999)}",
                    serial=take_from_stock(mavic_3, self.random, now=placed_at),
                    drone_model=mavic_3,
                    plan=Plan.objects.get(code="care-2y"),
                    name=buyer.name,
                    email=buyer.email,
                    country=country,
                    placed_at=placed_at,
                ),
                actor=self.staff,
                now=placed_at,
            )
            if ships:
                shipped_at = placed_at + timedelta(days=1)
                orders.ship(order, shipped_at=shipped_at, actor=self.staff, now=shipped_at)

    def _receive_films(self) -> None:
        for hours, country in ((52, "FR"), (20, "US"), (3, "AU")):
            sent_at = self.now - timedelta(hours=hours)
            owner = self._buyer(country, sent_at)
            mini_2 = DroneModel.objects.get(slug="mini-2")
            verification.submit(
                verification.Film(
                    serial=serial_number(mini_2, self.random),
                    drone_model=mini_2,
                    name=owner.name,
                    email=owner.email,
                    country=country,
                    video_id=FREE_FILM,
                ),
                now=sent_at,
            )

    def post_letters(self) -> None:
        """The letters of the past went out in the past; the newest wait, and one has failed."""
        newest = list(
            Letter.objects.order_by("-created_at", "-id").values_list("pk", flat=True)[:3]
        )
        for letter in Letter.objects.exclude(pk__in=newest):
            Letter.objects.filter(pk=letter.pk).update(
                state=Letter.State.SENT,
                sent_at=letter.created_at + timedelta(seconds=self.random.randint(2, 50)),
                attempts=1,
            )
        Letter.objects.filter(pk=newest[-1]).update(
            state=Letter.State.FAILED,
            attempts=1,
            last_error="SMTPRecipientsRefused: 550 5.1.1 mailbox does not exist",
        )


def is_empty() -> bool:
    """Whether nobody has worked with this database yet."""
    records = (CodeBatch, Customer, Drone, Policy, Letter)
    return not any(model.objects.exists() for model in records)
