#!/bin/bash
# Three directories, a mount, a line.
cd /root/copy-up || exit 1
mkdir -p upper work merged
mount -t overlay overlay -o lowerdir=/root/copy-up/lower,upperdir=/root/copy-up/upper,workdir=/root/copy-up/work merged || exit 1
echo "What is above may change." >>merged/motto
