"""The routes of `/api`, one noun a file."""
