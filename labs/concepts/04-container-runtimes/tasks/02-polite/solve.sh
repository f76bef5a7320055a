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
jq '.process.args = ["sh", "-c", "trap \"exit 0\" TERM; sleep 1000 & wait"] | .process.terminal = false' config.json >polite.json
crun delete -f polite
crun run -d --config polite.json --pid-file polite.pid polite </dev/null >polite.log 2>&1
# the shell installs its handler a little after it has begun
for round in {1..100}; do
    mask=$(awk '/^SigCgt/ { print $2 }' "/proc/$(cat polite.pid)/status")
    ((16#$mask >> 14 & 1)) && break
    sleep 0.1
done
