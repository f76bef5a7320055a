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
seen() { # the mount table as process $1 would see it with the root of its mount namespace; fails without sh or /proc there
    nsenter --target "$1" --mount --pid /bin/sh -c 'while read -r line; do echo "$line"; done </proc/self/mountinfo' 2>/dev/null
}
device() { # of the mount at $1 in the mount table on stdin, and its type
    local number point rest found=
    while read -r _ _ number _ point rest; do
        [[ $point == "$1" ]] && rest=${rest#*- } && found="$number ${rest%% *}"
    done
    [[ $found ]] && echo "$found"
}
pid=$(named mine) || { echo "First start the container again: hostname mine, six namespaces, its limits."; exit; }
read -r machine _ < <(device / </proc/self/mountinfo)
table=$(seen "$pid")
read -r root _ < <(device / <<<"$table")
if [[ -z $table ]]; then
    echo "Mount a proc at /proc in the container. If the kernel refuses, the old /proc is gone already: mount the new one before you unmount the old root."
elif [[ $root == "$machine" ]]; then
    if [[ " $(</proc/"$pid"/mounts)" != *" /root/mine/root overlay"* ]]; then
        echo "The overlay can't be seen in the container's mount namespace: mount it there, at /root/mine/root."
    elif [[ " $(</proc/"$pid"/mounts)" != *" /root/mine/root/proc proc"* ]]; then
        echo "In the container, go to /root/mine/root and mount a proc on the proc there."
    else
        echo "In the container, in /root/mine/root: a directory for the old root, and pivot_root."
    fi
else
    while read -r _ _ number _ point _; do
        [[ $number == "$machine" ]] && { echo "The old root is at $point. It is busy, so unmount it lazily: umount -l."; exit; }
    done <<<"$table"
    echo "Look at the container's mount table (mount, in there). The root should be an overlay, and /proc a proc."
fi
