#!/bin/bash
# Passes when a cgroup below the machine's own has memory.max = 64 MiB and a process in it or below it. Starts no process.
shopt -s globstar nullglob
empty=''
for file in /sys/fs/cgroup/*/**/memory.max; do
    read -r limit <"$file" && [[ $limit == 67108864 ]] || continue
    while read -r key value; do
        [[ $key == populated && $value == 1 ]] && exit 0
    done <"${file%/*}/cgroup.events"
    empty=${file%/*}
done 2>/dev/null
if [[ $empty ]]; then
    echo "$empty has a memory.max of 64 MiB, but there is no process in it."
else
    echo "No cgroup has a memory.max of 64 MiB (67108864) yet."
fi
exit 1
