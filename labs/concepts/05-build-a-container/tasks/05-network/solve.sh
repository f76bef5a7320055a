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
pid=$(named mine)
[[ -d /sys/class/net/br0 ]] || ip link add br0 type bridge
ip addr replace 10.66.0.1/24 dev br0
ip link set br0 up
ip link add v-mine type veth peer name e-mine
ip link set v-mine master br0 up
ip link set e-mine netns "$pid" name eth0
nsenter --net="/proc/$pid/ns/net" ip addr add 10.66.0.7/24 dev eth0
nsenter --net="/proc/$pid/ns/net" ip link set eth0 up
for _ in {1..20}; do
    ping -q -n -c 1 -W 1 10.66.0.7 >/dev/null && exit
done
exit 1
