#!/bin/bash
# Passes when /root/witness.json is the state of the container `witness`, with the PID of its living process, and the
# runtime's own copy of the config, which later edits don't reach, has a hook.
state=$(crun state witness 2>/dev/null) || {
    echo "crun knows no container named witness yet."
    exit 1
}
read -r status pid < <(jq -r '"\(.status) \(.pid)"' <<<"$state")
if [[ $status != running ]]; then
    echo "The container witness is $status; it should be running."
    exit 1
fi
if ! jq -e '[.hooks[]? | length] | add > 0' /run/crun/witness/config.json >/dev/null 2>&1; then
    echo "The container witness was made without a hook."
    exit 1
fi
if [[ ! -s /root/witness.json ]]; then
    echo "The hook has left nothing in /root/witness.json."
    exit 1
fi
read -r name seen < <(jq -r '"\(.id) \(.pid)"' /root/witness.json 2>/dev/null)
if [[ $name != witness ]]; then
    echo "/root/witness.json is not the state of witness."
elif [[ $seen == 0 ]]; then
    echo "The state in /root/witness.json has no PID: that hook ran inside the container's namespaces, or after its end."
elif [[ $seen != "$pid" ]]; then
    echo "/root/witness.json has PID $seen, and the container's process is $pid: it is of an earlier container."
else
    exit 0
fi
exit 1
