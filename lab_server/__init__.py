"""The course you can run: lessons, the sandboxes they run in, and the server that joins the two."""

__version__ = "0.1.0"
