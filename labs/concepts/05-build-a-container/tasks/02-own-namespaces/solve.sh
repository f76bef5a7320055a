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
# a shell that reads what it is to do from a pipe, where a learner has a terminal
rm -f /run/mine.in
mkfifo /run/mine.in
setsid unshare --pid --fork --kill-child --mount --uts --ipc --net --cgroup sh <>/run/mine.in >/dev/null 2>&1 &
echo 'hostname mine' >/run/mine.in
for _ in {1..100}; do
    named mine >/dev/null && exit
    sleep 0.1
done
exit 1
