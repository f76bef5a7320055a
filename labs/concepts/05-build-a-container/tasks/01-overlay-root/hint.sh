#!/bin/bash
cd /root/mine 2>/dev/null || { echo "Begin with directories: one for what is written (upper), one for the kernel (work), and root, the mount point, all in /root/mine."; exit; }
if ! [[ -d root ]]; then
    echo "There is no /root/mine/root to mount on yet."
elif ! [[ " $(</proc/self/mounts)" == *" /root/mine/root "* ]]; then
    ls -d /root/box/lower/bin lower/bin >/dev/null 2>&1 ||
        echo "You need the image's files in a directory: docker create, docker export, tar -x -C."
    echo "Then: mount -t overlay, with -o lowerdir=…,upperdir=…,workdir=… and root as the mount point."
else
    echo "Look at it: findmnt /root/mine/root. Is it an overlay, with an upper directory? If not, umount it and mount again."
fi
