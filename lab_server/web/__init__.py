"""The front door: HTTP, websockets and the built site, without any privileges. Joined in `app.py`."""
