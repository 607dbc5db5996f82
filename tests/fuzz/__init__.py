"""The API held to its document by generated requests: `make fuzz`."""
