"""A simulated Indian exchange and broker that speaks the Kite Connect v3 protocol over HTTP and WebSocket."""
