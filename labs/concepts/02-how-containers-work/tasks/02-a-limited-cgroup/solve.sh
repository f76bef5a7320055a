#!/bin/bash
# By hand: a directory, a limit, a process.
cgroup=/sys/fs/cgroup/small
mkdir -p "$cgroup" && echo 64M >"$cgroup/memory.max" || exit 1
setsid sleep 3600 >/dev/null 2>&1 </dev/null &
echo $! >"$cgroup/cgroup.procs"
