#!/bin/bash
# An overlay, writable, with an alpine below it, mounted at /root/mine/root.
at=/root/mine/root found=
while read -r _ _ _ _ point options rest; do
    [[ $point == "$at" ]] && found="$options ${rest#*- }"
done </proc/self/mountinfo
[[ $found ]] || { echo "Nothing is mounted at $at yet."; exit 1; }
[[ $found == *" overlay "* ]] || { echo "What is mounted at $at is no overlay."; exit 1; }
[[ $found =~ upperdir= ]] || { echo "The overlay at $at has no upper directory, so it is read-only."; exit 1; }
[[ $found =~ (^|,)ro(,|\ ) ]] && { echo "The overlay at $at is mounted read-only."; exit 1; }
[[ -x $at/bin/busybox || -x $at/usr/bin/busybox ]] || { echo "There is no busybox in $at: is alpine's filesystem the lower directory?"; exit 1; }
echo "An overlay of alpine is mounted at $at, and writes go to its upper directory."
