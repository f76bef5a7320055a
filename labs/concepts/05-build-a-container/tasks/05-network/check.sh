#!/bin/bash
# The container mine has 10.66.0.7 on a veth whose other end is plugged into a bridge here, and answers.
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
pid=$(named mine) || { echo "No container with the hostname mine runs now."; exit 1; }
[[ /proc/$pid/ns/net -ef /proc/1/ns/net ]] && { echo "Process $pid shares the machine's net namespace."; exit 1; }
device=
while read -r _ name _ address _; do [[ $address == 10.66.0.7/* ]] && device=$name; done \
    < <(nsenter --net="/proc/$pid/ns/net" ip -o -4 addr show)
[[ $device ]] || { echo "No interface in the container mine has the address 10.66.0.7."; exit 1; }
read -r _ link _ < <(nsenter --net="/proc/$pid/ns/net" ip -o link show dev "$device")
[[ $link =~ @if([0-9]+): ]] || { echo "$device in the container is not an end of a veth pair that reaches out of it."; exit 1; }
peer=
while IFS= read -r line; do [[ $line == "${BASH_REMATCH[1]}: "* ]] && peer=$line; done < <(ip -o link show)
[[ $peer ]] || { echo "The other end of $device is not in the machine's net namespace."; exit 1; }
[[ $peer == *" master "* ]] || { echo "The other end of $device is not plugged into a bridge."; exit 1; }
ping -q -n -c 1 -W 2 10.66.0.7 >/dev/null 2>&1 || { echo "10.66.0.7 does not answer a ping. Are both ends of the cable, and the bridge, up?"; exit 1; }
echo "10.66.0.7 answers, across a bridge."
