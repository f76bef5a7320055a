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
jq '.process.args = ["sleep", "1000"] | .process.terminal = false' config.json >waiting.json
crun delete -f waiting
crun create --config waiting.json waiting </dev/null >waiting.log 2>&1
