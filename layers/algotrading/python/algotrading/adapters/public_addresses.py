"""Which addresses of the network a function may be made to call by somebody who only names a host.

None that leads back inside: not ours, not the machine's, not the cloud's. A name is resolved once, every address of it
must be public, and the connection goes to the very address that was looked at: a name that answers otherwise the next
time changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ASSIGNED = ipaddress.ip_network("2000::/3")
"""All that IANA has given out of IPv6 for the public internet (its registry "IPv6 Global Unicast Address Assignments").
What lies outside is refused without a list of what it may be: site-local (fec0::/10, RFC 3879), translated and
compatible IPv4 (::ffff:0:0:0/96, ::/96), a network's own NAT64 (64:ff9b:1::/48, RFC 8215)."""
_TUNNELS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))
"""6to4 and Teredo lead to an address of IPv4, by relays that hardly exist any more (RFC 7526). Python 3.11 holds the
first for global, Python 3.13 does not."""
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
"""The upper half of an interface identifier whose lower one is an address of IPv4 (RFC 5214, section 6.1)."""


class AddressForbidden(Exception):
    """The host has an address that may not be called; the message says why without saying which."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a host, as text. Raises OSError when there is none."""
    found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(each[4][0]) for each in found]


def public_address(host: str, port: int, resolver: Resolver = resolve) -> str:
    """An address of the host that may be called.

    Raises:
        AddressForbidden: one of its addresses may not, or it has none.
    """
    try:
        found = list(resolver(host, port))
    except (OSError, UnicodeError) as error:
        raise AddressForbidden("the host has no address") from error
    if not found or not all(map(is_public, found)):
        raise AddressForbidden("the host is not on the public internet")
    return found[0]


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, also where it wraps another."""
    try:
        address: IPAddress = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and not _may_lead_out(address):
        return False
    return all(each.is_global and not each.is_multicast for each in (address, *_wrapped(address)))


def _may_lead_out(address: ipaddress.IPv6Address) -> bool:
    return address in _NAT64 or (address in _ASSIGNED and not any(address in tunnel for tunnel in _TUNNELS))


def _wrapped(address: IPAddress) -> list[IPAddress]:
    """The addresses of IPv4 that an address of IPv6 may lead to."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    if address in _NAT64 or int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return []
