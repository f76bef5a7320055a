#!/bin/bash
# as on the page: unpack, change, repack
set -e
cd /root
rm -rf layout layout-work
skopeo copy -q containers-storage:alpine oci:layout:alpine
umoci unpack --image layout:alpine layout-work
echo 'Hello from a layer' > layout-work/rootfs/hello
umoci repack --image layout:hello layout-work
rm -rf layout-work
