"""What an environment costs in a month: `make cost`."""
