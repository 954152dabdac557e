import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from claims import carriers
from claims.demo import ClaimsDesk
from policies import demo
from policies.shared import roles
from policies.shared.actor import Actor

PASSWORD = "demo"  # noqa: S105 — printed on the screen of whoever runs the demo


class Command(BaseCommand):
    help = "Fills an empty database with a believable dealer, and prints the logins of its staff."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--if-empty", action="store_true", help="leave a database with data as it is"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if demo.is_empty() and not User.objects.exists():
            # A public password is for a developer's machine only.
            password = PASSWORD if settings.DEBUG else secrets.token_urlsafe(12)
            with transaction.atomic():
                self._fill(password)
            self.stdout.write("demo: the database holds a demo dealer now.")
            self._print_logins(password)
        elif options["if_empty"]:
            self.stdout.write("demo: the database has data, nothing changed.")
            if settings.DEBUG and User.objects.filter(email="sales@demo.example").exists():
                self._print_logins(PASSWORD)
        else:
            raise CommandError("The database has data. The demo only fills an empty one.")

    def _fill(self, password: str) -> None:
        staff = {role: self._employ(role, password) for role in roles.ALL}
        User.objects.create_superuser("admin", "admin@demo.example", password)
        now = timezone.now()
        dealer = demo.Dealer(now=now, staff=Actor.staff(staff[roles.SALES]))
        dealer.sell_plans()
        desk = ClaimsDesk(
            now=now, staff=Actor.staff(staff[roles.CLAIMS]), carrier=carriers.carrier()
        )
        desk.play()
        dealer.lead_a_whole_life()
        dealer.post_letters()

    def _employ(self, role: str, password: str) -> User:
        name = role.lower()
        user = User.objects.create_user(name, f"{name}@demo.example", password, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        return user

    def _print_logins(self, password: str) -> None:
        names = ", ".join(role.lower() for role in roles.ALL)
        self.stdout.write(f"  staff: {names}, admin (everything)")
        self.stdout.write(f"  password of each: {password}")
