"""One module per real thing the system talks to. Only `bootstrap` names these classes."""
