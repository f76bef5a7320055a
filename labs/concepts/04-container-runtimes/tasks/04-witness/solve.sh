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
cat >/root/witness-hook.sh <<'END'
#!/bin/sh
cat >/root/witness.json
END
chmod +x /root/witness-hook.sh
jq '.process.args = ["sleep", "1000"] | .process.terminal = false
    | .hooks = {createRuntime: [{path: "/root/witness-hook.sh"}]}' config.json >witness.json
crun delete -f witness
crun run -d --config witness.json witness </dev/null >witness.log 2>&1
