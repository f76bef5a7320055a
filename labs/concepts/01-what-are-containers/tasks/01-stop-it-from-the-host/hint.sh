#!/bin/bash
# Says the next move: start one, undo a pause, or find the number and send the signal.
for entry in /proc/[0-9]*; do
    state='' numbers=()
    while read -r key value; do
        case $key in
            State:) state=${value%% *} ;;
            NSpid:) read -ra numbers <<<"$value" && break ;;
        esac
    done 2>/dev/null <"$entry/status"
    ((${#numbers[@]} > 1)) && [[ ${numbers[-1]} == 1 ]] || continue
    [[ -e $entry/root/ && ! $entry/root/ -ef / ]] || continue
    if [[ $state == T ]]; then
        echo "It is stopped: check it."
        exit 0
    fi
    cgroup=''
    while IFS= read -r line; do
        [[ $line == 0::* ]] && cgroup=${line#0::}
    done <"$entry/cgroup"
    frozen=0
    [[ -r /sys/fs/cgroup$cgroup/cgroup.freeze ]] && read -r frozen <"/sys/fs/cgroup$cgroup/cgroup.freeze"
    if [[ $frozen == 1 ]]; then
        echo "It is paused: its cgroup is frozen, which is something else, and its process is still in state S. Unpause it, and send its process the signal with kill."
        exit 0
    fi
    running=1
done 2>/dev/null
if [[ ${running-} ]]; then
    echo "A container is running. Ask the engine for its process's number on the host (docker inspect, .State.Pid) or find it with ps, and send it the signal with kill from here: docker exec would send it from inside."
else
    echo "Start a container in the background that waits: docker run -d, an image, and a sleep that is long enough."
fi
