#!/bin/bash
# Passes while the running container `box` has a UTS namespace of its own with the hostname `box`, and a cgroup that
# lets it have 20 processes or fewer.
state=$(crun state box 2>/dev/null) || {
    echo "crun knows no container named box yet."
    exit 1
}
read -r status pid < <(jq -r '"\(.status) \(.pid)"' <<<"$state")
if [[ $status != running ]]; then
    echo "The container box is $status; it should be running."
    exit 1
fi
if [[ /proc/$pid/ns/uts -ef /proc/self/ns/uts ]]; then
    echo "The process of box shares your shell's UTS namespace, and so its hostname."
    exit 1
fi
name=$(nsenter -t "$pid" -u hostname)
if [[ $name != box ]]; then
    echo "The hostname in the container is $name, not box."
    exit 1
fi
group=''
while IFS=: read -r id _ path; do [[ $id == 0 ]] && group=$path; done <"/proc/$pid/cgroup"
read -r most 2>/dev/null <"/sys/fs/cgroup$group/pids.max" || most=max
if [[ $most == max ]]; then
    echo "The container's cgroup ($group) sets no limit on processes."
    exit 1
elif ((most > 20)); then
    echo "The container's cgroup lets it have $most processes; at most 20 are asked for."
    exit 1
fi
