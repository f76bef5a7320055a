# The course's images: `docker compose build`, or `docker build --target web .`
#
#   web       the site and the web server; no privileges
#   spawner   makes sandboxes; its agents run from this image too, one in each learner's container
#   build     makes the learner's machine, once, into a volume
#
# Without a registry: --build-arg BASE_IMAGE=… names an image that is at hand (Debian 13, or what is made of it).
# Without any network: --build-context packages=DIR and site=DIR take the place of the two stages of those names
# (DIR: what `pip install --target DIR -r docker/requirements.lock` and `labs build --only site` made elsewhere).
ARG BASE_IMAGE=debian:trixie-slim

FROM ${BASE_IMAGE} AS base
COPY docker/install /usr/local/sbin/labs-install
RUN labs-install python3

FROM base AS packages-build
RUN labs-install binutils python3-pip
COPY docker/requirements.lock /tmp/
# half of what the wheels unpack to is symbols for debuggers; what is in bin/ has no use here
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-compile \
    --require-hashes --only-binary :all: --target /packages -r /tmp/requirements.lock \
    && rm -rf /packages/bin && find /packages -name '*.so' -exec strip --strip-debug {} +
FROM scratch AS packages
COPY --from=packages-build /packages /

FROM base AS site-build
RUN labs-install nodejs npm python3-venv
COPY docker/site.lock /tmp/
RUN python3 -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile \
    --require-hashes --only-binary :all: -r /tmp/site.lock
WORKDIR /srv/labs
COPY web web
COPY mkdocs.yml ./
COPY docs docs
COPY labs labs
COPY lab_server lab_server
ENV LABS_DATA=/data
ARG SOURCE_DATE_EPOCH
RUN /venv/bin/python -m lab_server.cli build --only site
FROM scratch AS site
COPY --from=site-build /data/site /

FROM base AS labs
WORKDIR /srv/labs
ENV PYTHONPATH=/srv/labs:/srv/packages PYTHONDONTWRITEBYTECODE=1 LABS_DATA=/data LANG=C.UTF-8
# Compiled here once: a read-only container can't, and an agent starts with every sandbox. No times in it.
COPY --from=packages / /srv/packages
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /srv/packages
COPY docker/labs /usr/local/bin/labs
COPY mkdocs.yml LICENSE ./
COPY docs docs
COPY labs labs
COPY lab_server lab_server
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /srv/labs/lab_server

FROM labs AS web
COPY --from=site / /data/site
RUN mkdir -p /data/web /data/run && chown 10001:10001 /data/web && chmod 700 /data/web
ENV LABS_HOST=0.0.0.0 LABS_PORT=8000
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["labs", "health"]
CMD ["labs", "web"]

FROM labs AS spawner
RUN labs-install apparmor crun e2fsprogs && mkdir -p /data/run /data/images /data/sandboxes /run/labs
CMD ["labs", "spawner"]

FROM spawner AS build
RUN labs-install mmdebstrap util-linux dpkg debian-archive-keyring ca-certificates
# not the host's choice: a disk of the machine, which only the vm driver wants, is never made here
ENV LABS_DRIVER=docker
CMD ["labs", "build", "--only", "machine"]
