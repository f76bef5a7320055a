#!/bin/bash
named() { # prints the process id, as seen here, of PID 1 of the container with the hostname $1
    local dir line
    for dir in /proc/[0-9]*; do
        [[ -e $dir/ns/uts && ! $dir/ns/uts -ef /proc/1/ns/uts ]] || continue
        while read -r line; do [[ $line == NSpid:* ]] && break; done <"$dir/status"
        [[ $line =~ [[:space:]][0-9]+[[:space:]]1$ ]] || continue
        [[ $(nsenter --uts="$dir/ns/uts" hostname) == "$1" ]] && echo "${dir#/proc/}" && return
    done 2>/dev/null
    return 1
}
named mine >/dev/null || { echo "Start your own container again first: hostname mine, namespaces, limits, pivot."; exit; }
if ! state=$(crun state theirs 2>/dev/null); then
    if [[ " $(</proc/self/mounts)" != *" /root/theirs/rootfs overlay"* ]]; then
        echo "Make /root/theirs/rootfs and mount an overlay on it, with the same lower directory and an upper and work directory of its own."
    elif [[ ! -e /root/theirs/config.json ]]; then
        echo "In /root/theirs: crun spec writes a config.json."
    else
        echo "In /root/theirs: change config.json with an editor or jq (process.terminal, process.args, hostname, linux.resources.memory.limit, linux.resources.pids.limit), then crun run --detach theirs."
    fi
elif [[ $state != *'"status": "running"'* ]]; then
    echo "theirs has ended: crun delete theirs, give it a program that stays, and run it again."
else
    echo "Both run. What the check names is a field of config.json: change it, crun delete --force theirs, and run it again. Or change yours."
fi
