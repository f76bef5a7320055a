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
# typed into the container's shell
cat >/run/mine.in <<'END'
cd /root/mine/root && mount -t proc proc proc && mount -t sysfs sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,size=64k tmpfs dev
for d in null zero full random urandom tty; do touch dev/$d && mount --bind /dev/$d dev/$d; done
mkdir -p old && pivot_root . old && cd / && umount -l /old && rmdir /old
END
machine=$(mountpoint -d /)
for _ in {1..100}; do
    # both roots are overlays; only the device tells them apart
    read -r _ _ number _ point _ <"/proc/$pid/mountinfo"
    [[ $point == / && $number != "$machine" && ! -e /proc/$pid/root/old && -e /proc/$pid/root/dev/tty ]] && exit
    sleep 0.1
done
exit 1
