"""One module per stack, in the order in which they are deployed: network, data, trading, api, listener, observability."""
