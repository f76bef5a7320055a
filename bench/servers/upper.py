"""Runs in a terminal: raw mode, and every key comes back in upper case, so that the kernel's echo can't be taken for an answer.

Ends at Ctrl-C. `python -S -E upper.py`
"""

import os
import tty

tty.setraw(0)
os.write(1, b"READY!")
while True:
    typed = os.read(0, 4096)
    if not typed or b"\3" in typed:
        break
    os.write(1, typed.upper())
