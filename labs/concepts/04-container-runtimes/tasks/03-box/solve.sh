#!/bin/bash
# A bundle in ~/demo, where there is none
cd /root
if [[ ! -e demo/config.json || ! -d demo/rootfs/bin ]]; then
    mkdir -p demo/rootfs
    id=$(docker create alpine)
    cp -a "$(podman mount "$id")/." demo/rootfs
    docker rm "$id" >/dev/null
    (cd demo && rm -f config.json && crun spec)
fi
cd demo || exit 1
jq '.process.args = ["sleep", "1000"] | .process.terminal = false | .hostname = "box"
    | .linux.resources += {pids: {limit: 20}}' config.json >box.json
crun delete -f box
crun run -d --config box.json box </dev/null >box.log 2>&1
