"""Everything that can be wrong with a price feed, one thing after the other, before two real watchers' eyes."""
