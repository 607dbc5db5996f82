"""The always-on watcher: broker socket -> stop index -> priority queue."""
