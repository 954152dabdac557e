from django.conf import settings
from django.utils.module_loading import import_string

from claims.carriers.base import Carrier


def carrier() -> Carrier:
    """The carrier that the setting CARRIER names."""
    made: Carrier = import_string(settings.CARRIER)()
    return made
