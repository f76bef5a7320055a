#!/bin/bash
# Looks at what the container has already: state, hostname, limit.
read -r status pid < <(crun state box 2>/dev/null | jq -r '"\(.status) \(.pid)"')
if [[ -z $status ]]; then
    echo "Two fields of config.json: hostname, and linux.resources.pids.limit. Set them with jq into a file of your own (box.json), with sleep or the like as process.args, and run that: crun run -d --config box.json box"
elif [[ $status != running ]]; then
    echo "It is $status. If its program ended at once, look at process.args, and at its output; then crun delete -f box and run it again."
elif [[ $(nsenter -t "$pid" -u hostname) != box ]]; then
    echo "The hostname is set once, when the container is made: delete it, correct hostname in the config, and run it again."
else
    echo "The hostname is right. A limit can be changed while it runs: crun update --pids-limit, or pids.max in its cgroup."
fi
