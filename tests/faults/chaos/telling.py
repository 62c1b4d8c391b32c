"""How often an outcome may be told at most: once, and once more for every blow that struck just its teller.

SNS takes no request token for topics that send mail. So a mail comes again where a message was published and nobody
heard of it: the answer was lost, or who asked was killed before it had written down that people are told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from urllib.parse import unquote_plus

from local_cloud.faults.desk import Struck
from local_cloud.faults.fault import Kind

UNHEARD = frozenset({Kind.LOST_ANSWER, Kind.KILL_AFTER, Kind.GATEWAY_RESTART})  # done, and its caller does not know
PUBLISH, WRITE = "sns:Publish ", "dynamodb:UpdateItem "
TELLS_SENT = '":notice": {"S": "sent"}'
# A restart drops every connection, also that of a message that is being published; mails bear the time of delivery.
SECONDS_OF_A_RESTART = 5.0


def most_tellings(name: str, struck: Sequence[Struck], delivered: Sequence[float]) -> int:
    """How often `name`, a run or an unload, may have been told; `delivered` are seconds since the epoch."""
    direct = [item for item in struck if _struck_teller(name, item)]
    restarts = [_seconds(i) for i in struck if i.kind is Kind.GATEWAY_RESTART and i not in direct]
    return 1 + len(direct) + sum(_near(restart, delivered) for restart in restarts)


def _struck_teller(name: str, item: Struck) -> bool:
    if item.where.startswith(PUBLISH):
        return item.kind in UNHEARD and name in unquote_plus(item.about)
    if item.where.startswith(WRITE):
        return item.kind is Kind.KILL_BEFORE and f'"{name}"' in item.about and TELLS_SENT in item.about
    return False


def _near(moment: float, delivered: Iterable[float]) -> bool:
    return any(abs(one - moment) <= SECONDS_OF_A_RESTART for one in delivered)


def _seconds(item: Struck) -> float:
    return dt.datetime.fromisoformat(item.time).timestamp()
