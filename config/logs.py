import logging
import re

QUERY = re.compile(r"\?\S*")


class WithoutQueries(logging.Filter):
    """Cuts what was asked for off the addresses in lines about requests (C6).

    Somebody may have typed a whole code into a search; our log is not where it is kept.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.server" and isinstance(record.args, tuple):
            record.args = tuple(
                QUERY.sub("?…", each) if isinstance(each, str) else each for each in record.args
            )
        return True
