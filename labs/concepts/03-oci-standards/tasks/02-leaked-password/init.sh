#!/bin/bash
# builds /root/shop: an OCI layout of one image, in which a file with a password is added by one layer and deleted by a later one
[ -e /root/shop/index.json ] && exit 0
exec python3 -IS - <<'PY'
import gzip, hashlib, io, json, os, secrets, tarfile

TOP, TIME, OCI = '/root/shop', '2026-03-01T09:00:00Z', 'application/vnd.oci.image.'


def put(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f'{TOP}/blobs/sha256/{digest}', 'wb') as file:
        file.write(data)
    return {'digest': 'sha256:' + digest, 'size': len(data)}


def archive(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w') as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


os.makedirs(TOP + '/blobs/sha256', exist_ok=True)
STEPS = [
    ('COPY base /', {'etc/passwd': 'root:x:0:0:root:/:/bin/sh\n', 'etc/hostname': 'shop\n'}),
    ('ENV PORT=8080', None),
    ('COPY vendor /srv/shop/vendor', {'srv/shop/vendor/LICENSE': 'none\n'}),
    ('COPY . /srv/shop', {'srv/shop/run': '#!/bin/sh\n', 'srv/shop/.env': f'DB_PASSWORD={secrets.token_hex(8)}\n'}),
    ('WORKDIR /srv/shop', None),
    ('RUN make clean', {'srv/shop/.wh..env': '', 'srv/shop/VERSION': '1.4\n'}),
    ('COPY theme /srv/shop/theme', {'srv/shop/theme/style.css': 'body { color: black }\n'}),
]
layers, diff_ids, history = [], [], []
for made_by, files in STEPS:
    history.append({'created': TIME, 'created_by': made_by, **({} if files else {'empty_layer': True})})
    if files:
        tar = archive(files)
        diff_ids.append('sha256:' + hashlib.sha256(tar).hexdigest())
        layers.append({'mediaType': OCI + 'layer.v1.tar+gzip', **put(gzip.compress(tar, mtime=0))})
config = {'created': TIME, 'architecture': 'amd64', 'os': 'linux', 'config': {'Env': ['PORT=8080'], 'WorkingDir': '/srv/shop'}}
config |= {'rootfs': {'type': 'layers', 'diff_ids': diff_ids}, 'history': history}
manifest = {'schemaVersion': 2, 'mediaType': OCI + 'manifest.v1+json'}
manifest |= {'config': {'mediaType': OCI + 'config.v1+json', **put(json.dumps(config).encode())}, 'layers': layers}
entry = {'mediaType': OCI + 'manifest.v1+json', **put(json.dumps(manifest).encode())}
entry['annotations'] = {'org.opencontainers.image.ref.name': 'v1.4'}
with open(TOP + '/oci-layout', 'w') as file:
    json.dump({'imageLayoutVersion': '1.0.0'}, file)
with open(TOP + '/index.json', 'w') as file:
    json.dump({'schemaVersion': 2, 'manifests': [entry]}, file)
PY
