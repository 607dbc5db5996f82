"""One module per stack; deployed in this order: network, data, trading, web, messages, api, listener, observability."""
