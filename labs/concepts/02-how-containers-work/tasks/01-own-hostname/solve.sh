#!/bin/bash
# A shell in a new UTS namespace names it, and becomes something that waits.
setsid unshare --uts sh -c 'hostname box; exec sleep 3600' >/dev/null 2>&1 </dev/null &
for _ in {1..100}; do
    [[ $(nsenter --target $! --uts uname -n) == box ]] && exit 0
    sleep 0.05
done 2>/dev/null
exit 1
