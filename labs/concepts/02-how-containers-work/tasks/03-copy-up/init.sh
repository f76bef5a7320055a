#!/bin/bash
# The lower directory, with the file that is to be changed through an overlay.
mkdir -p /root/copy-up/lower
[[ -e /root/copy-up/lower/motto ]] || echo "What is below stays as it is." >/root/copy-up/lower/motto
