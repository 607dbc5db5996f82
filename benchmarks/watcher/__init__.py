"""The watcher beside its peers: `make bench-watcher`, or `python -m benchmarks.watcher`."""
