#!/bin/bash
# /root/leak names the layer of /root/shop that has srv/shop/.env in it, /root/password what is in that file
exec python3 -IS - <<'PY'
import gzip, hashlib, io, json, sys, tarfile

TOP = '/root/shop'


def missing(sentence):
    print(sentence)
    sys.exit(1)


def said(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return ''


def blob(digest):
    try:
        with open(f'{TOP}/blobs/{digest.replace(":", "/")}', 'rb') as file:
            data = file.read()
    except OSError:
        data = b''
    if 'sha256:' + hashlib.sha256(data).hexdigest() != digest:
        missing(f'{TOP} was changed: {digest} is gone or different. Remove the directory and reset, or put it back.')
    return data


try:
    entry = json.load(open(TOP + '/index.json'))['manifests'][0]
except (OSError, ValueError, LookupError):
    missing(f'There is no image in {TOP}. Reset the sandbox to have it back.')
manifest = json.loads(blob(entry['digest']))
diff_ids = json.loads(blob(manifest['config']['digest']))['rootfs']['diff_ids']
holds, deletes, secret, kept = '', '', '', {}
for layer, diff_id in zip(manifest['layers'], diff_ids):
    kept[diff_id] = layer['digest']
    tar = tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(layer['digest']))))
    for member in tar:
        if member.name == 'srv/shop/.env':
            holds, secret = layer['digest'], tar.extractfile(member).read().decode().strip()
        elif member.name == 'srv/shop/.wh..env':
            deletes = layer['digest']
leak = said('/root/leak').rpartition('/')[2]
leak = leak if leak.startswith('sha256:') or not leak else 'sha256:' + leak
if not leak:
    missing('/root/leak is missing or empty: it is to hold the digest of a layer.')
if leak == deletes:
    missing('That layer has only the whiteout: it hides /srv/shop/.env, and the file itself is further down.')
if leak in kept:
    missing("That is a diff_id. The blob's name, and the layer's digest in the manifest, is that of the compressed archive.")
if leak not in kept.values():
    missing('/root/leak names no layer of the image in /root/shop.')
if leak != holds:
    missing('That layer has no srv/shop/.env in it.')
if said('/root/password') not in (secret, secret.partition('=')[2]):
    missing('The layer is right. Now take the password out of it, into /root/password.')
PY
