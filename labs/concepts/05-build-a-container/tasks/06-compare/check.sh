#!/bin/bash
# The container mine and crun's container theirs, side by side: every difference between them is named.
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
limit() { # the smallest limit in the files named $1 for process $2, below the sandbox's own
    local group least=max value
    IFS=: read -r _ _ group <"/proc/$2/cgroup"
    while [[ $group && $group != / ]]; do
        read -r value <"/sys/fs/cgroup$group/$1" || value=max
        [[ $value != max ]] && { [[ $least == max ]] || ((value < least)); } && least=$value
        group=${group%/*}
    done 2>/dev/null
    echo "$least"
}
describe() { # process $1, as lines of `what: how`
    local kind own= root type proc table
    for kind in cgroup ipc mnt net pid uts user time; do
        [[ /proc/$1/ns/$kind -ef /proc/1/ns/$kind ]] || own+=" $kind"
    done
    table=$(seen "$1")
    read -r root type < <(device / <<<"$table")
    read -r proc _ < <(device /proc <<<"$table")
    [[ $root == "$machine" ]] && type="the machine's"
    [[ $table ]] && while read -r _ _ number _ _; do [[ $number == "$machine" && $root != "$machine" ]] && type+=" (and the machine's)" && break; done <<<"$table"
    [[ $proc && $proc != "$machine_proc" ]] && proc="its own" || proc="not its own"
    echo "namespaces of its own:$own"
    echo "root: ${type:-unknown}"
    echo "/proc: $proc"
    echo "memory.max: $(limit memory.max "$1")"
    echo "pids.max: $(limit pids.max "$1")"
}
mine=$(named mine) || { echo "Your container, with the hostname mine, does not run now."; exit 1; }
theirs=$(crun state theirs 2>/dev/null) || { echo "crun knows no container theirs yet."; exit 1; }
[[ $theirs =~ \"pid\":\ *([0-9]+) && ${BASH_REMATCH[1]} != 0 ]] || { echo "crun's container theirs does not run."; exit 1; }
theirs=${BASH_REMATCH[1]}
name=$(nsenter --uts="/proc/$theirs/ns/uts" hostname)
[[ $name == theirs ]] || { echo "crun's container has the hostname $name, not theirs."; exit 1; }
read -r machine _ < <(device / </proc/self/mountinfo)
read -r machine_proc _ < <(device /proc </proc/self/mountinfo)
mapfile -t ours < <(describe "$mine")
mapfile -t other < <(describe "$theirs")
differences=()
for i in "${!ours[@]}"; do
    [[ ${ours[i]} == "${other[i]}" ]] || differences+=("${ours[i]%%: *}: mine has ${ours[i]#*: }, theirs ${other[i]#*: }.")
done
((${#differences[@]})) && { printf '%s\n' "${differences[@]}"; exit 1; }
[[ ${ours[1]} == "root: overlay" && ${ours[2]} == "/proc: its own" ]] || { echo "They are alike, but neither has an overlay as its root and a /proc of its own: ${ours[1]}, ${ours[2]}."; exit 1; }
[[ ${ours[3]} == *67108864 && ${ours[4]} == *32 ]] || { echo "They are alike, but not as the task says: ${ours[3]}, ${ours[4]}."; exit 1; }
echo "No difference: ${ours[0]}; ${ours[1]}; ${ours[3]}; ${ours[4]}."
