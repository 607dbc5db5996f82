"""One package per broker behind the one `Broker` port."""
