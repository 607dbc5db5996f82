"""Makes the list of common passwords that registration refuses, from the one that zxcvbn brings.

`python layers/common_passwords.py` writes layers/algotrading/python/algotrading/adapters/common-passwords.bin.
"""

from __future__ import annotations

import sys

from zxcvbn.frequency_lists import FREQUENCY_LISTS

from algotrading.adapters.common_passwords import LIST, digest
from algotrading.domain.guessable import SHORTEST_PIECE


def common_passwords() -> bytes:
    """The file's content."""
    return b"".join(sorted({digest(each) for each in FREQUENCY_LISTS["passwords"] if len(each) >= SHORTEST_PIECE}))


if __name__ == "__main__":
    sys.stdout.write(f"{LIST.write_bytes(common_passwords())} bytes into {LIST}\n")
