#!/bin/bash
# Passes while PID 1 of the running container `polite` has a handler for SIGTERM, as the kernel has it (SigCgt).
state=$(crun state polite 2>/dev/null) || {
    echo "crun knows no container named polite yet."
    exit 1
}
read -r status pid < <(jq -r '"\(.status) \(.pid)"' <<<"$state")
if [[ $status != running ]]; then
    echo "The container polite is $status; it should be running."
    exit 1
fi
caught='' inside=''
while read -r key rest; do
    case $key in
    SigCgt:) caught=$rest ;;
    NSpid:) inside=${rest##*[[:space:]]} ;;
    esac
done <"/proc/$pid/status"
if [[ $inside != 1 || /proc/$pid/ns/pid -ef /proc/self/ns/pid ]]; then
    echo "The process of polite is not PID 1 of a PID namespace of its own."
    exit 1
fi
# signal n is bit n - 1; SIGTERM is 15
if ! ((16#${caught:-0} >> 14 & 1)); then
    echo "PID 1 of polite has no handler for SIGTERM (SigCgt is $caught): it would ignore it."
    exit 1
fi
