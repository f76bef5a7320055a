#!/bin/bash
set -e
mkdir -p /root/mine/upper /root/mine/work /root/mine/root
cd /root/mine
lower=/root/box/lower
if ! [[ -e $lower/bin ]]; then
    lower=/root/mine/lower
    mkdir -p $lower
    container=$(docker create alpine)
    docker export "$container" | tar -x -C $lower
    docker rm "$container"
fi
mount -t overlay overlay -o lowerdir=$lower,upperdir=upper,workdir=work root
