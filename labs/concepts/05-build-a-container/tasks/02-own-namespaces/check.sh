#!/bin/bash
# A process with the hostname mine in a UTS namespace of its own: PID 1 of its pid namespace, and alone in five more.
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
if ! pid=$(named mine); then
    for dir in /proc/[0-9]*; do
        [[ -e $dir/ns/uts && ! $dir/ns/uts -ef /proc/1/ns/uts ]] || continue
        [[ $(nsenter --uts="$dir/ns/uts" hostname 2>/dev/null) == mine ]] || continue
        echo "A process has the hostname mine, but none there is PID 1 of a pid namespace of its own."
        exit 1
    done
    echo "No container has the hostname mine yet."
    exit 1
fi
shared=
for kind in mnt net ipc cgroup; do
    [[ /proc/$pid/ns/$kind -ef /proc/1/ns/$kind ]] && shared+=" $kind"
done
[[ $shared ]] && { echo "Process $pid is PID 1 of mine, but it still shares these namespaces with the machine:$shared."; exit 1; }
echo "Process $pid is PID 1 in six namespaces of its own."
