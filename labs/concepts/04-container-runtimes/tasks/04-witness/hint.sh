#!/bin/bash
# Looks at the container, at its hooks and at the file.
status=$(crun state witness 2>/dev/null | jq -r .status)
if [[ -z $status ]]; then
    echo "A hook is an executable file with an absolute path; the state comes on its standard input, so cat with its output redirected is enough. Name it in hooks.createRuntime of a config of your own, and run that as witness."
elif ! jq -e '[.hooks[]? | length] | add > 0' /run/crun/witness/config.json >/dev/null 2>&1; then
    echo "The runtime's copy of the config, /run/crun/witness/config.json, has no hooks: they were not in the file you ran, or were added after create. Delete the container and run it with --config."
elif [[ ! -s /root/witness.json ]]; then
    echo "The hook ran and left nothing. Is it one that runs in your machine's namespaces (createRuntime, poststart), does it write to /root/witness.json, and has delete been called already where it is poststop?"
elif [[ $status != running ]]; then
    echo "The container is $status. Let its program be one that lasts, and run it again."
else
    echo "Compare the PID in /root/witness.json with that of crun state witness. If they differ, the file is from another run, or from a hook inside the container."
fi
