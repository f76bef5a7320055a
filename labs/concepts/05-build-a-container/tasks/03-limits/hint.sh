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
pid=$(named mine) || { echo "First start the container of the task before, with the hostname mine."; exit; }
IFS=: read -r _ _ group <"/proc/$pid/cgroup"
if [[ $group == / || $group == /init ]]; then
    echo "In the terminal host: make a directory in /sys/fs/cgroup, for example mine, and write $pid to its cgroup.procs. That is the container's PID 1, as the machine numbers it."
else
    echo "It is in /sys/fs/cgroup$group. memory.max there is $(<"/sys/fs/cgroup$group/memory.max"), pids.max is $(<"/sys/fs/cgroup$group/pids.max"); write 64M and 32."
fi
