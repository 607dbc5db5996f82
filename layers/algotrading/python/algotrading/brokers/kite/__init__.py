"""Zerodha Kite Connect v3.

The official client writes every request, so Kite's changes reach us with its releases. Sending and
reading are our own, because an order's answer must be told apart into accepted, refused and unknown
by what stood on the wire, which the client's exceptions do not preserve.

Light to import: the client itself is loaded when the first broker session is opened.
"""

from algotrading.brokers.kite.brokers import KiteBrokers

__all__ = ["KiteBrokers"]
