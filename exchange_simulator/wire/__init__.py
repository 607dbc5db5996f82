"""How engine objects look on the wire: JSON rows, CSV dumps and binary ticker frames."""
