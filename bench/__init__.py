"""Speed and size, measured: what docs/develop/performance.md states. No test depends on these; `scripts/bench` runs them.

stats, figures          pure: medians and ratios; a figure with its target, and the table
process, socket_client  what one process costs; a websocket client that is not the bottleneck
peers, servers/         terminals behind a websocket: this project's, terminado's, a naive one, ttyd where it is installed
bridge, sandbox, page, machine    one part of `scripts/bench` each
"""
