#!/bin/bash
# Looks at the engine's record of `errand` and says the next move.
form='{{.State.Status}} {{.State.ExitCode}} {{.HostConfig.LogConfig.Path}}'
if ! read -r status code log < <(podman container inspect -f "$form" errand 2>/dev/null); then
    echo "docker run --name errand, an image, and a shell that does two things: sh -c '...; ...'. If you did run it and it is gone: --rm removes it at its end."
elif [[ $status != exited ]]; then
    echo "It is $status. A container ends when its process 1 does; remove this one (docker rm -f errand) and give it a command that comes to an end."
elif [[ $code != 3 ]]; then
    echo "Its exit status is $code: that of its process 1. A shell ends with the status that you hand to its exit. The name is taken until you docker rm errand."
elif [[ ! -s $log ]]; then
    echo "It ended with 3 and said nothing. Remove it, and let it echo a line before it exits."
else
    echo "All is there: check it. docker logs errand shows what it said."
fi
