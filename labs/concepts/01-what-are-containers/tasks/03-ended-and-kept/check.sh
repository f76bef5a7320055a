#!/bin/bash
# Passes when the engine's records have a container `errand` that has exited with status 3 and whose log isn't empty.
form='{{.State.Status}} {{.State.ExitCode}} {{.HostConfig.LogConfig.Path}}'
if ! read -r status code log < <(podman container inspect -f "$form" errand 2>/dev/null); then
    echo "There is no container named errand on record."
elif [[ $status != exited ]]; then
    echo "The container errand is there, but it hasn't ended: it is $status."
elif [[ $code != 3 ]]; then
    echo "The container errand has ended with exit status $code, not 3."
elif [[ ! -s $log ]]; then
    echo "The container errand has ended with exit status 3, but it has printed nothing."
else
    exit 0
fi
exit 1
