"""The exchange itself: instruments, matching, orders, margins, positions and prices. No I/O; time is passed in."""
