#!/bin/bash
# looks how far the layout has come
cd /root || exit
layers() { jq -r '.layers | length' "layout/blobs/${1/://}" 2>/dev/null; }
if [ ! -e layout/index.json ]; then
    echo "Begin with a copy of alpine: skopeo copy containers-storage:alpine oci:layout:alpine makes the directory."
    exit
fi
digest=$(jq -r '[.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "hello").digest][0] // ""' layout/index.json)
if [ -z "$digest" ]; then
    echo "The layout is there: $(umoci ls --layout layout | tr '\n' ' ')is in it. Now umoci unpack --image layout:alpine DIR, a change in DIR/rootfs, and umoci repack --image layout:hello DIR."
elif [ "$(layers "$digest")" = 1 ]; then
    echo "The image hello has one layer. umoci insert --image layout:hello FILE /hello adds another; so does umoci repack after a change in rootfs."
else
    echo "There are $(layers "$digest") layers. List what they hold, with tar tzf on each blob, and run sha256sum on every blob: does it print the blob's name?"
fi
