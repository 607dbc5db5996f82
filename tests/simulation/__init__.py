"""The production services on in-memory ports, under a seeded scheduler that injects faults at every port call."""
