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
if pid=$(named mine); then
    echo "Compare /proc/$pid/ns with /proc/1/ns: a kind with the same number is shared. A running program can't be given all of them from outside; leave it (exit) and start it anew with the flags that were missing."
    exit
fi
for dir in /proc/[0-9]*; do
    [[ -e $dir/ns/uts && ! $dir/ns/uts -ef /proc/1/ns/uts ]] || continue
    case $(nsenter --uts="$dir/ns/uts" hostname 2>/dev/null) in
        mine) echo "The name is right. For PID 1 the program must be the first child in the new pid namespace: unshare --pid --fork."; exit ;;
        lab) named="A process is in a UTS namespace of its own and still has the machine's name: hostname mine, typed in there." ;;
    esac
done
echo "${named:-In the terminal mine: unshare, a flag for each of the six kinds, --fork, and a shell. Then name it.}"
