#!/bin/bash
# unpack alpine to a bundle, change its config.json, run it in the background
set -e
cd /root
crun delete --force oci 2>/dev/null || true
rm -rf own own-image
skopeo copy -q containers-storage:alpine oci:own-image:alpine
umoci unpack --image own-image:alpine own
jq '.hostname = "oci" | .root.readonly = true | .process.terminal = false | .process.args = ["sleep", "1000"]' \
    own/config.json > own/new.json
mv own/new.json own/config.json
setsid crun run --detach --bundle own oci >/dev/null 2>&1 </dev/null
for _ in {1..50}; do
    [ "$(crun state oci 2>/dev/null | jq -r .status)" = running ] && exit 0
    sleep 0.1
done
exit 1
