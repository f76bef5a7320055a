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
mkdir -p /root/theirs/rootfs /root/theirs/upper /root/theirs/work
cd /root/theirs
lower=/root/box/lower
[[ -e $lower/bin ]] || lower=/root/mine/lower
mount -t overlay overlay -o lowerdir=$lower,upperdir=upper,workdir=work rootfs
crun spec
jq '.process.terminal = false | .process.args = ["sleep", "1000"] | .hostname = "theirs" | .root.readonly = false
    | .linux.resources.memory.limit = 67108864 | .linux.resources.pids.limit = 32' config.json >changed.json
mv changed.json config.json
crun run --detach theirs >/dev/null 2>&1 </dev/null
for _ in {1..100}; do
    named theirs >/dev/null && exit
    sleep 0.1
done
exit 1
