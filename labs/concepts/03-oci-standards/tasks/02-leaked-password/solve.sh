#!/bin/bash
# looks through the layers from the bottom up, as the manifest lists them
cd /root/shop || exit 1
blob() { echo "blobs/${1/://}"; }
manifest=$(jq -r '.manifests[0].digest' index.json)
for layer in $(jq -r '.layers[].digest' "$(blob "$manifest")"); do
    if tar tzf "$(blob "$layer")" | grep -qx srv/shop/.env; then
        echo "$layer" > /root/leak
        tar xzOf "$(blob "$layer")" srv/shop/.env | cut -d= -f2 > /root/password
    fi
done
