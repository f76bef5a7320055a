"""The privileged side: makes sandboxes and hands their terminals out over one unix socket."""
