"""The log: one JSON object a line, for operators; no secret and no person in it."""

import json
import logging
import re
import traceback
from datetime import UTC, datetime

from accounts import caller

# The addresses that name a person (a page of the portal, what programs and newer Outlooks ask for),
# and those of suppliers' reports, which may be secret.
# The proxy's log leaves them out too (deploy/nginx.conf).
_PRIVATE = re.compile(
    r"(/cau-hinh/thong-tin/|/api/v1/accounts/|/(?i:autodiscover)/[^/ ]+/"
    r"|/sms/[^/ ]+/trang-thai/).+",
    re.DOTALL,
)


class JsonFormatter(logging.Formatter):
    """Write a record as one JSON line, so that nothing in it can forge another (LG-05).

    Of an exception it keeps the place and the class. Never the message: those of the database
    and of gateways repeat the values they were given.
    """

    def format(self, record: logging.LogRecord) -> str:
        who = caller.current()
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _PRIVATE.sub(r"\1-", record.getMessage()),
        }
        if who.request_id:
            line |= {"request": who.request_id, "client": who.address}
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            line["error"] = type(error).__name__
            line["where"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
        # In ASCII: a terminal obeys some of the characters beyond, and a line may end in others.
        return json.dumps(line)
