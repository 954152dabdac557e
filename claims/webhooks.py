"""Where carriers report on parcels. A report without the right signature is refused."""

import hashlib
import hmac
import json
import re
import unicodedata
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from claims.parcels import tracking
from claims.parcels.tracking import Message, News
from policies.shared.actor import Actor

# An event carries the whole track of a parcel: some ten kilobytes.
LARGEST_EVENT = 512 * 1024
NEWS = {
    "in_transit": News.MOVING,
    "out_for_delivery": News.MOVING,
    "delivered": News.DELIVERED,
}
EVENT_ID = re.compile(r"[\w-]{1,80}", re.ASCII)
TRACKING_NUMBER = re.compile(r"[\w .-]{1,64}", re.ASCII)


class BadEvent(ValueError):
    """The body is signed, but it is not an event that we can read."""


# EasyPost signs what it sends; it has no cookie of ours to abuse.
@csrf_exempt
@require_POST
def easypost(request: HttpRequest) -> HttpResponse:
    """Any 2xx tells EasyPost that the event has arrived; anything else, to send it again."""
    secret = settings.EASYPOST_WEBHOOK_SECRET
    if not secret:
        raise Http404
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > LARGEST_EVENT:
        return HttpResponse("The body is too large.", status=413)
    if not _is_signed(request.body, request.headers.get("X-Hmac-Signature", ""), secret):
        return HttpResponse("The signature is wrong.", status=403)
    try:
        message = _message(request.body)
    except BadEvent as error:
        return HttpResponse(str(error), status=400)
    if message is not None:
        tracking.receive(message, actor=Actor.command("easypost"), now=timezone.now())
    return HttpResponse("ok")


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    key = unicodedata.normalize("NFKD", secret).encode()
    expected = "hmac-sha256-hex=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def _message(body: bytes) -> Message | None:
    """The tracking message, or None for an event about something else. Raises BadEvent."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise BadEvent("The body is not JSON.") from None
    if not isinstance(event, dict):
        raise BadEvent("The body is not an event.")
    if event.get("description") != "tracker.updated":
        return None
    tracker = event.get("result")
    if not isinstance(tracker, dict):
        raise BadEvent("The event has no tracker.")
    news = NEWS.get(str(tracker.get("status")))
    event_id = _matching(EVENT_ID, event.get("id"), "The event has no id.")
    number = _matching(TRACKING_NUMBER, tracker.get("tracking_code"), "It has no tracking code.")
    return Message(event_id, number, news) if news else None


def _matching(shape: re.Pattern[str], value: Any, otherwise: str) -> str:
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise BadEvent(otherwise)
    return value
