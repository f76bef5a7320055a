#!/bin/bash
# no container, one that ended, or one with the wrong configuration
state=$(crun state oci 2>/dev/null)
if [ -z "$state" ]; then
    echo "Make a bundle with umoci unpack (any image of yours), then change its config.json with jq: .hostname, .root.readonly, .process.args and .process.terminal. crun run --detach --bundle DIR oci starts it."
    exit
fi
bundle=$(jq -r .bundle <<< "$state")
if [ "$(jq -r .status <<< "$state")" != running ]; then
    echo "Its process has ended. With .process.args set to [\"sleep\", \"1000\"] it would stay. crun delete oci makes the name free again."
else
    echo "It runs. Look at what its bundle says: jq '.hostname, .root' $bundle/config.json. A change there counts from the next crun run on: crun delete --force oci ends this one."
fi
