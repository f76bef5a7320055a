#!/bin/bash
# The mount namespace of the container mine has an overlay as its root, its own /proc, and nothing of the machine's root.
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
pid=$(named mine) || { echo "No container with the hostname mine runs now."; exit 1; }
[[ /proc/$pid/ns/mnt -ef /proc/1/ns/mnt ]] && { echo "Process $pid shares the machine's mount namespace."; exit 1; }
read -r machine _ < <(device / </proc/self/mountinfo)
read -r machine_proc _ < <(device /proc </proc/self/mountinfo)
table=$(seen "$pid")
if [[ -z $table ]]; then
    echo "In the container mine there is no /proc of its pid namespace, or no /bin/sh."
    exit 1
fi
read -r root type < <(device / <<<"$table")
if [[ $root == "$machine" ]]; then
    at=$(readlink "/proc/$pid/root")
    [[ $at != / ]] && { echo "Process $pid was given $at as its root by chroot. The root of its mount namespace is still the machine's."; exit 1; }
    echo "The root of its mount namespace is still the machine's."
    exit 1
fi
[[ $type == overlay ]] || { echo "The container's root is of type $type, not an overlay."; exit 1; }
while read -r _ _ number _ point _; do
    [[ $number == "$machine" ]] && { echo "The machine's root is still mounted in the container, at $point."; exit 1; }
done <<<"$table"
read -r proc _ < <(device /proc <<<"$table")
[[ $proc && $proc != "$machine_proc" ]] || { echo "The container has no /proc of its own."; exit 1; }
echo "The root of mine is an overlay, /proc is its own, and nothing of the machine's root is left."
