#!/bin/bash
# which of the two files is still wanted
cd /root || exit
if [ ! -s leak ]; then
    echo "A layer is a tar archive: tar tzf lists it. Go through the layers that the manifest names, and look for srv/shop/.env and for what a whiteout of it is called."
elif [ ! -s password ]; then
    echo "tar xzOf LAYER srv/shop/.env writes one file of an archive to standard output. LAYER is the blob that /root/leak names."
elif [ ! -e "shop/blobs/sha256/$(sed 's/.*://; s/[[:space:]]//g' leak)" ]; then
    echo "/root/leak names no blob of the layout: the digest wanted is the one in the manifest, which is also the blob's file name."
else
    echo "Compare: does tar tzf on the blob in /root/leak list srv/shop/.env, without .wh. in its name? And is the password the part behind the = sign?"
fi
