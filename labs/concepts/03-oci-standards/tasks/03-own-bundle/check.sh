#!/bin/bash
# crun runs a container named oci: hostname oci in a UTS namespace of its own, a read-only root, and its bundle says so
state=$(crun state oci 2>/dev/null) || { echo "crun knows no container named oci yet."; exit 1; }
{ read -r pid; read -r status; read -r bundle; } < <(jq -r '.pid, .status, .bundle' <<< "$state")
if [ "$status" != running ] || [ ! -e "/proc/$pid/ns/uts" ]; then
    echo "The container oci is there, but it is $status, not running. Delete it (crun delete oci) and give it a process that stays."
    exit 1
fi
if [ ! -r "$bundle/config.json" ]; then
    echo "The bundle of the container, $bundle, has no config.json any more."
    exit 1
fi
{ read -r hostname; read -r readonly; } < <(jq -r '.hostname, .root.readonly' "$bundle/config.json")
if [ "$hostname" != oci ]; then
    echo "config.json in $bundle sets the hostname $hostname, not oci."
    exit 1
fi
if [ "$readonly" != true ]; then
    echo "config.json in $bundle doesn't make the root read-only."
    exit 1
fi
if [ "/proc/$pid/ns/uts" -ef /proc/self/ns/uts ] || [ "$(nsenter -t "$pid" -u uname -n)" != oci ]; then
    echo "config.json says hostname oci, but the running container has another: it was started before the change. Delete it and run it again."
    exit 1
fi
# proc_pid_mountinfo(5): field 5 is the mount point, field 6 the mount's own options; what is mounted last at / counts
options=$(awk '$5 == "/" { found = $6 } END { print found }' "/proc/$pid/mountinfo")
case ",$options," in
    *,ro,*) ;;
    *)
        echo "config.json says read-only, but the root of the running container is writable: it was started before the change. Delete it and run it again."
        exit 1
        ;;
esac
