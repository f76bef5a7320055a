#!/bin/bash
# Passes while a container `waiting` is created and not started: its process exists in a PID namespace of its own, as
# number 1 there, and the runtime says `created`.
state=$(crun state waiting 2>/dev/null) || {
    echo "crun knows no container named waiting yet."
    exit 1
}
read -r status pid < <(jq -r '"\(.status) \(.pid)"' <<<"$state")
case $status in
created) ;;
running) echo "The container waiting is running: its program has been started." && exit 1 ;;
*) echo "The container waiting is $status; it should be created." && exit 1 ;;
esac
if [[ ! -e /proc/$pid/ns/pid || /proc/$pid/ns/pid -ef /proc/self/ns/pid ]]; then
    echo "The process of waiting is in the same PID namespace as your shell."
    exit 1
fi
