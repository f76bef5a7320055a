#!/bin/bash
# Looks at the container's state and at the signals that its PID 1 catches.
read -r status pid < <(crun state polite 2>/dev/null | jq -r '"\(.status) \(.pid)"')
caught=0
[[ $pid -gt 0 ]] && while read -r key rest; do [[ $key == SigCgt: ]] && caught=$rest; done <"/proc/$pid/status"
if [[ -z $status ]]; then
    echo "Make a config of your own (jq … config.json >polite.json) whose process.args is a shell with a trap, and run it with crun run -d --config polite.json polite, with its standard streams redirected."
elif [[ $status != running ]]; then
    echo "It is $status. A shell whose script is at its end ends too: let it start something long in the background, and wait. If it failed, its output says why."
elif ((16#$caught >> 14 & 1)); then
    echo "PID 1 of polite catches SIGTERM. Check it."
else
    echo "It runs, but its PID 1 catches no SIGTERM. In a shell a handler is: trap 'exit 0' TERM. Delete the container and run it with that before anything else."
fi
