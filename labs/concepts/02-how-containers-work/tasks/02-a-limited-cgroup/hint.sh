#!/bin/bash
# Says the next move: make a cgroup, write the limit, or move a process.
shopt -s globstar nullglob
other='' empty=''
for file in /sys/fs/cgroup/*/**/memory.max; do
    read -r limit <"$file" || continue
    group=${file%/*}
    if [[ $limit == 67108864 ]]; then
        while read -r key value; do
            if [[ $key == populated && $value == 1 ]]; then
                echo "$group has the limit and a process: check it."
                exit 0
            fi
        done <"$group/cgroup.events"
        empty=$group
    elif [[ $group != /sys/fs/cgroup/init && $group != */libpod_parent* ]]; then
        other="$group is there, and its memory.max is $limit. Write 64M to that file; the kernel reads the M."
    fi
done 2>/dev/null
if [[ $empty ]]; then
    echo "$empty has the limit. Now write the number of a process to its cgroup.procs: that of a sleep in the background, or of your shell, which is \$\$."
elif [[ $other ]]; then
    echo "$other"
else
    echo "Make a directory under /sys/fs/cgroup, and look at the files that the kernel puts in it. Or let an engine do it: which option of docker run limited memory above?"
fi
