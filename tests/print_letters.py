"""Prints the newest letter of each kind, and a paper of each state, to read them with one's eyes.

`python -m tests.print_letters [FOLDER]`, after `manage.py demo`; whole codes stay masked.
"""

import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.utils import timezone

from claims.admin.claims import ClaimSheet
from claims.models import Claim, Progress
from policies import agreement, outbox
from policies.models import Letter, Policy
from policies.shared import papers


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    now = timezone.now()
    for name, _title in outbox.names():
        letter = Letter.objects.filter(name=name).order_by("-id").first()
        if letter is None:
            print(f"no {name}")
            continue
        rendered = outbox.render(letter)
        (folder / f"{name}.txt").write_text(f"{rendered.subject}\n\n{rendered.text}")
        (folder / f"{name}.html").write_text(rendered.html)
    for policy in Policy.objects.order_by("id"):
        pdf = papers.pdf("papers/agreement.xml", agreement.paper_facts(policy, at=now))
        (folder / f"agreement-{policy.stage(at=now)}.pdf").write_bytes(pdf)
    for state in Progress.values:
        claim = Claim.objects.filter(progress=state).first()
        if claim is not None:
            (folder / f"sheet-{state}.pdf").write_bytes(ClaimSheet().draw(claim, now=now))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "var/letters"))
