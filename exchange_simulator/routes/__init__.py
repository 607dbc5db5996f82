"""HTTP routes of the Kite protocol and of the control plane: parse, call the exchange, answer."""
