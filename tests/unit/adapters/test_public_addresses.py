"""Where somebody who names a host can send us: to the public internet, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from algotrading.adapters.public_addresses import AddressForbidden, is_public, public_address


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "10.30.0.7",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:808:808::1",
        "2002:a9fe:a9fe::1",
        "2001:0:7f00:1::",
        "2001:0:808:808:0:0:f5ff:fffe",
        "fec0::1",
        "feff::1",
        "::8.8.8.8",
        "::a9fe:a9fe",
        "::ffff:0:a9fe:a9fe",
        "::ffff:0:7f00:1",
        "::ffff:0:808:808",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "2002:a00:1::1",
        "2606:4700::5efe:a9fe:a9fe",
        "2606:4700::200:5efe:7f00:1",
        "100::1",
        "4000::1",
        "5f00::1",
        "not an address",
        "",
    ],
)
def test_what_leads_inside_is_not(address: str) -> None:
    assert not is_public(address)


def resolving(*addresses: str) -> Sequence[str]:
    return addresses


def test_an_address_that_was_looked_at_is_the_one_that_is_called() -> None:
    assert public_address("hooks.example.com", 443, lambda host, port: resolving("8.8.8.8", "1.1.1.1")) == "8.8.8.8"


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("10.0.0.1", "8.8.8.8"), ("8.8.8.8", "::1"), ()],
)
def test_one_address_that_leads_inside_is_enough_to_refuse_the_host(addresses: tuple[str, ...]) -> None:
    with pytest.raises(AddressForbidden):
        public_address("hooks.example.com", 443, lambda host, port: addresses)


def test_a_host_without_an_address_is_refused() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    with pytest.raises(AddressForbidden, match="no address"):
        public_address("nowhere.example.com", 443, unknown)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.1"])
def test_other_ways_to_write_the_machine_itself_lead_nowhere(host: str) -> None:
    # With the machine's own resolver, which reads them all.
    with pytest.raises(AddressForbidden):
        public_address(host, 443)


def test_a_refusal_does_not_say_what_the_name_stands_for() -> None:
    with pytest.raises(AddressForbidden) as refusal:
        public_address("internal.example.com", 443, lambda host, port: ["10.30.0.7"])

    assert "10.30" not in str(refusal.value)
