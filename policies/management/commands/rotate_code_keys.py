from typing import Any

from django.core.management.base import BaseCommand, CommandError

from policies import codes, sealing


class Command(BaseCommand):
    help = (
        "Seals every code again, with the first key of CODE_KEYS. Afterwards the other keys can "
        "be taken out of the setting. May be stopped and run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = sum(codes.rotate())
        except sealing.SealBroken as error:
            raise CommandError(
                f"{error} Nothing is lost: put the old key back and run again."
            ) from error
        self.stdout.write(
            f"rotate_code_keys: {done} codes sealed again with key {sealing.current_key_id()}."
        )
