#!/bin/bash
# PID 1 of the container mine is in a cgroup below the sandbox's top in which it may have 64 MiB and 32 processes.
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
smallest() { # of the limits in the files named $1, from the group $2 up to the sandbox's own
    local group=$2 least=max value
    while [[ $group && $group != / ]]; do
        read -r value <"/sys/fs/cgroup$group/$1" || value=max
        [[ $value != max ]] && { [[ $least == max ]] || ((value < least)); } && least=$value
        group=${group%/*}
    done 2>/dev/null
    echo "$least"
}
pid=$(named mine) || { echo "No container with the hostname mine runs now."; exit 1; }
IFS=: read -r _ _ group <"/proc/$pid/cgroup"
[[ $group == / || $group == /init ]] && { echo "PID 1 of mine (here: process $pid) is in the group $group, as your shells are. It needs one of its own."; exit 1; }
memory=$(smallest memory.max "$group") pids=$(smallest pids.max "$group")
[[ $memory == 67108864 ]] || { echo "Its group $group allows $memory bytes of memory, not 64 MiB (67108864)."; exit 1; }
[[ $pids == 32 ]] || { echo "Its group $group allows $pids processes, not 32."; exit 1; }
echo "PID 1 of mine is in $group: 64 MiB, 32 processes."
