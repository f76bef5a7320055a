"""The commands of `labs` that are more than a call, a module each; lab_server/cli.py joins them."""
