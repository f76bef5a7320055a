"""The tests. Nothing here: what some of them share is in conftest.py, and a guest's Python has little but pytest."""
