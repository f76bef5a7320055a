#!/bin/sh
# The guest's first program, after the initial RAM disk: makes a machine with cgroup v2 of it and starts what it is for.
# /dev is there, the root is read-only, this file and its settings lie in /run/labs. Written for speed: an emulated
# machine starts a process in 10 ms, so nothing here that isn't needed.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t tmpfs -o mode=1777,nosuid,nodev tmp /tmp
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm /dev/shm

# nsdelegate: a cgroup namespace is a border that its own root can't cross (cgroup-v2.rst)
mount -t cgroup2 -o nsdelegate,memory_recursiveprot,nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/init.scope
echo 1 >/sys/fs/cgroup/init.scope/cgroup.procs
read -r controllers </sys/fs/cgroup/cgroup.controllers
for controller in $controllers; do echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; done

# quota_v2 before the scratch disk, or its project quotas are not enforced
modprobe -a virtio_net overlay quota_v2 tun fuse
mount -t ext4 -o ro,nosuid,nodev LABEL=labs-images /images
mount -t ext4 -o noatime,prjquota,nosuid,nodev,noinit_itable LABEL=labs-scratch /scratch
# a learner's nested engine opens both from its user namespace
chmod 666 /dev/net/tun /dev/fuse

echo guest >/proc/sys/kernel/hostname
ip link set lo up
interface=$(cd /sys/class/net && echo e*)
ip address add 10.0.2.15/24 dev "$interface"
ip link set "$interface" up

# what the host's administrator would set on a machine with strangers on it
echo 2 >/proc/sys/kernel/unprivileged_bpf_disabled
echo 1 >/proc/sys/kernel/kexec_load_disabled
echo 1 >/proc/sys/kernel/dmesg_restrict
echo 2 >/proc/sys/kernel/kptr_restrict
echo 2 >/proc/sys/kernel/io_uring_disabled
echo 1 >/proc/sys/kernel/yama/ptrace_scope
echo 0 >/proc/sys/dev/tty/legacy_tiocsti
echo 0 >/proc/sys/kernel/printk 2>/dev/null
echo 100000 >/proc/sys/user/max_user_namespaces

# PID 1 from here on: starts what /run/labs/inittab (the root's /etc/inittab is a link to it) names, and reaps
exec busybox init
