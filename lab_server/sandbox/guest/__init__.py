"""What runs inside the vm driver's guest, and how it gets there.

`payload.py` packs, on the host, this checkout's code, the start's settings and its secret into an archive that the
kernel unpacks with the initial RAM disk; `init.sh` is the guest's first program, `relay.py` its only door.
"""
