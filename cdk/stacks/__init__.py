"""One module per stack; deployed in this order: network, data, trading, api, listener, observability."""
