#!/bin/bash
set -e
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
mkdir -p /sys/fs/cgroup/mine
echo 64M >/sys/fs/cgroup/mine/memory.max
echo 32 >/sys/fs/cgroup/mine/pids.max
named mine >/sys/fs/cgroup/mine/cgroup.procs
