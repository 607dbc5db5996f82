"""Versioned messages at the borders: API bodies, queue messages, schedule inputs."""
