from typing import Any

from django.core.management.base import BaseCommand, CommandError

from policies import codes, links, sealing


class Command(BaseCommand):
    help = (
        "Seals every code and every link of a customer again, with the first key of CODE_KEYS. "
        "Afterwards the other keys can be taken out of the setting. May be stopped and run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done, done_links = sum(codes.rotate()), sum(links.reseal())
        except sealing.SealBroken as error:
            raise CommandError(
                f"{error} Nothing is lost: put the old key back and run again."
            ) from error
        self.stdout.write(
            f"rotate_code_keys: {done} codes and {done_links} links sealed again"
            f" with key {sealing.current_key_id()}."
        )
