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
pid=$(named mine) || { echo "First start the container again: it must have the hostname mine."; exit; }
[[ -d /sys/class/net/br0 ]] || { echo "There is no bridge br0. Make one, give it 10.66.0.1/24, and set it up."; exit; }
inside=$(nsenter --net="/proc/$pid/ns/net" ip -o addr show)
links=$(nsenter --net="/proc/$pid/ns/net" ip -o link show)
if [[ $links != *@if* ]]; then
    echo "Make a veth pair, and hand one end to the container by the PID that its PID 1 has here: $pid."
elif [[ $inside != *10.66.0.7/* ]]; then
    echo "The cable is there. In the container, or by nsenter --net --target $pid: give its end 10.66.0.7/24."
else
    echo "Look at both ends: ip link here (is the veth in state UP, with master br0?), and nsenter --net --target $pid ip link."
fi
