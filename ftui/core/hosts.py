"""Under which names a server may be asked that only this machine is to reach.

A foreign name can lead to this machine (DNS rebinding): then another site's page asks as if the server were that site.
"""

import os
import re

ADDRESSES = ("127.0.0.1", "localhost", "::1")  # to listen at
_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)


def named() -> set[str]:
    """Further hosts (with their port, separated by commas) that $FTUI_HOSTS names; "*" stands for all."""
    return set(filter(None, os.environ.get("FTUI_HOSTS", "").lower().replace(" ", "").split(",")))


def ours(host: str, others: set[str]) -> bool:
    """Whether a request's host is this machine, or one of `others`.

    >>> ours("127.0.0.1:8000", set()), ours("evil.example", set()), ours("lab.example", {"lab.example"})
    (True, False, True)
    """
    return bool(_LOOPBACK.fullmatch(host)) or bool({host.lower(), "*"} & others)
