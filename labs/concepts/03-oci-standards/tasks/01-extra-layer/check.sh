#!/bin/bash
# /root/layout is an OCI layout; its image `hello` is alpine and at least one layer more, which adds /hello; every digest is right
exec python3 -IS - <<'PY'
import gzip, hashlib, io, json, os, re, sys, tarfile

TOP, REF = '/root/layout', 'org.opencontainers.image.ref.name'


def missing(sentence):
    print(sentence)
    sys.exit(1)


def load(path, what):
    try:
        with open(path, 'rb') as file:
            return json.load(file)
    except OSError:
        missing(f'{path} is missing: {what}')
    except ValueError:
        missing(f'{path} is not JSON.')


def blob(digest, size=None):
    kind, _, name = str(digest).partition(':')
    path = f'{TOP}/blobs/{kind}/{name}'
    try:
        data = open(path, 'rb').read()
    except OSError:
        missing(f'A digest leads nowhere: there is no {path}.')
    if kind not in ('sha256', 'sha512') or hashlib.new(kind, data).hexdigest() != name:
        missing(f'The contents of {path} have another digest than its name says.')
    if size is not None and size != len(data):
        missing(f'A descriptor says that {digest} has {size} bytes; it has {len(data)}.')
    return data


def unpacked(data):
    if data[:2] == b'\x1f\x8b':
        return gzip.decompress(data)
    if data[:4] == b'\x28\xb5\x2f\xfd':
        missing('A layer is compressed with zstd, which this check cannot unpack: compress it with gzip.')
    return data


def alpine():
    """the diff_ids of alpine in the engine's stores; [] where they can't be read"""
    for store in ('/var/lib/shared-images', '/var/lib/containers/storage'):
        try:
            images = json.load(open(store + '/overlay-images/images.json'))
            layers = {layer['id']: layer for layer in json.load(open(store + '/overlay-layers/layers.json'))}
        except (OSError, ValueError):
            continue
        for image in images:
            if any(name.endswith('/library/alpine:latest') for name in image.get('names') or []):
                found, at = [], image['layer']
                while at in layers:
                    found.insert(0, layers[at].get('diff-digest'))
                    at = layers[at].get('parent')
                return found
    return []


if not os.path.isdir(TOP):
    missing(f'There is no directory {TOP} yet.')
marker = load(TOP + '/oci-layout', 'it marks a directory as an OCI layout.')
if not str(marker.get('imageLayoutVersion', '')).startswith('1.'):
    missing(f'{TOP}/oci-layout names no imageLayoutVersion 1.x.')
entries = load(TOP + '/index.json', 'it names the images of a layout.').get('manifests', [])
# podman save writes the whole name: localhost/hello:latest
mine = [entry for entry in entries if re.search('(^|/)hello(:latest)?$', (entry.get('annotations') or {}).get(REF, ''))]
if not mine:
    tags = ', '.join((entry.get('annotations') or {}).get(REF, '(no tag)') for entry in entries) or 'none'
    missing(f'The layout has no image tagged hello yet. Its tags: {tags}.')
manifest = json.loads(blob(mine[0]['digest'], mine[0]['size']))
config = json.loads(blob(manifest['config']['digest'], manifest['config']['size']))
diff_ids, layers = config['rootfs']['diff_ids'], manifest['layers']
if len(diff_ids) != len(layers):
    missing(f'The manifest has {len(layers)} layers, but the config has {len(diff_ids)} diff_ids.')
there = None
for number, (layer, diff_id) in enumerate(zip(layers, diff_ids), 1):
    tar = unpacked(blob(layer['digest'], layer['size']))
    if diff_id.partition(':')[2] != hashlib.new(diff_id.partition(':')[0], tar).hexdigest():
        missing(f'Layer {number}, unpacked, has another digest than its diff_id in the config says.')
    try:
        # umoci insert leaves out the blocks of zeros that end an archive, and readers forgive it
        members = list(tarfile.open(fileobj=io.BytesIO(tar + bytes(-len(tar) % 512 + 1024))))
    except tarfile.TarError:
        missing(f'Layer {number} is no tar archive.')
    for member in members:
        name = os.path.normpath('/' + member.name).lstrip('/')
        if name == 'hello':
            there = (number, member)
        elif name == '.wh.hello' and there and there[0] < number:
            there = None
base = alpine()
if base and diff_ids[: len(base)] != base:
    missing('The lower layers of the image are not those of alpine.')
if len(layers) <= max(1, len(base)):
    missing('The image hello has the layers of alpine and none of its own yet.')
if there is None:
    missing('No layer of the image hello adds /hello.')
if there[0] <= len(base) or not there[1].isfile() or not there[1].size:
    missing('/hello is no file with something in it.')
for kind in os.listdir(TOP + '/blobs'):
    for name in os.listdir(f'{TOP}/blobs/{kind}'):
        blob(f'{kind}:{name}')
PY
