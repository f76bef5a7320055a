#!/bin/bash
# Looks at what is there and mounted, and says the next move.
motto="What is below stays as it is."
base=/root/copy-up
if [[ ! -f $base/lower/motto || $(<"$base/lower/motto") != "$motto" ]]; then
    echo "Write the old line to $base/lower/motto again (with no overlay over it), and change the file only below the mount point. It said: $motto"
    exit 0
fi
point=''
while read -r _ _ _ _ at _ rest; do
    [[ $rest == *"- overlay "* && $rest =~ lowerdir\+?=([^ ]*:)?[^:\ ]*lower[,:] ]] && [[ $at != / && $at != /var/lib/containers/* ]] && printf -v point %b "$at"
done </proc/self/mountinfo
if [[ ! $point ]]; then
    echo "Make three directories beside lower: one for what is written, an empty one on the same filesystem for overlayfs to work in, and a mount point. Then mount -t overlay, with lowerdir=, upperdir= and workdir= as options: mount(8) and the kernel's overlayfs page say how. A mount that is made in another mount namespace, by unshare or in a container, can't be seen here."
elif [[ ! -e $point/motto ]]; then
    echo "The overlay is at $point and motto is deleted there. That made a whiteout in your upper directory: write a new $point/motto, or remove the whiteout after unmounting."
elif [[ $(<"$point/motto") == "$motto" ]]; then
    echo "The overlay is at $point. Append to $point/motto, or write it anew, and look at what lies in your upper directory then."
else
    echo "motto reads differently at $point: check it. If it doesn't pass, look at whether the mount has an upperdir (findmnt -t overlay)."
fi
