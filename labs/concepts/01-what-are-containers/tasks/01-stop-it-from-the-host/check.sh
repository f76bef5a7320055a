#!/bin/bash
# Passes when the first process of a container is in state T: process 1 of a PID namespace below this one, with a root of its own.
# Reads /proc only, and starts no process.
containers=0
for entry in /proc/[0-9]*; do
    state='' numbers=()
    while read -r key value; do
        case $key in
            State:) state=${value%% *} ;;
            NSpid:) read -ra numbers <<<"$value" && break ;;
        esac
    done 2>/dev/null <"$entry/status"
    # "52 1" is number 52 here and 1 in its own namespace; what has one number only is of ours
    ((${#numbers[@]} > 1)) && [[ ${numbers[-1]} == 1 ]] || continue
    [[ -e $entry/root/ && ! $entry/root/ -ef / ]] || continue
    containers=$((containers + 1))
    [[ $state == T ]] && exit 0
done 2>/dev/null
if ((containers == 0)); then
    echo "No container is running yet."
else
    echo "A container is running, but its first process isn't in state T (stopped)."
fi
exit 1
