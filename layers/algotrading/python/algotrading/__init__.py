"""The library that every function and the watcher share.

`domain` decides, `services` carry decisions out through `ports`, `adapters` and `brokers` touch the
outside world, `bootstrap` wires one process. Imports point that way only (`.importlinter` proves it).
"""
