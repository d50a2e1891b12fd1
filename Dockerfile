# chatlake in one image: the environment is built in the first stage, with pip's
# caches left behind, and scripts/serve starts the service in the second. The
# root file system can be read-only: all state is under /data.

FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d AS environment
# The service must run on wheels alone: then no stage needs a compiler.
ENV PIP_ONLY_BINARY=:all: \
    PIP_NO_CACHE_DIR=1 \
    CHATLAKE_VENV=/opt/chatlake
WORKDIR /srv/chatlake
COPY scripts/_environment.sh scripts/
COPY requirements.txt requirements-assets.txt ./
RUN export root="$PWD" && . scripts/_environment.sh && environment requirements.txt requirements-assets.txt

FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d
ARG REVISION=unknown
LABEL org.opencontainers.image.title="chatlake" \
      org.opencontainers.image.description="An open datalake for conversations that people contribute to language models" \
      org.opencontainers.image.revision="$REVISION"

# A fixed uid, so that the owner of a mounted /data can be set from outside.
RUN groupadd --gid 10001 chatlake \
    && useradd --uid 10001 --gid chatlake --home-dir /data --no-create-home \
        --shell /usr/sbin/nologin chatlake \
    && install --directory --owner chatlake --group chatlake --mode 0750 /data

# gunicorn's control socket would want a place in the home folder, and nothing
# uses it. Its heartbeat files are in /dev/shm already (gunicorn.conf.py).
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CHATLAKE_VENV=/opt/chatlake \
    CHATLAKE_HOME=/data \
    CHATLAKE_HOST=0.0.0.0 \
    CHATLAKE_PORT=8080 \
    GUNICORN_CMD_ARGS=--no-control-socket

COPY --from=environment /opt/chatlake /opt/chatlake
WORKDIR /srv/chatlake
COPY . .

USER 10001:10001
VOLUME /data
EXPOSE 8080

# http.client, since urllib would go through a proxy that the environment names.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; connection = http.client.HTTPConnection('127.0.0.1', int(os.environ['CHATLAKE_PORT']), timeout=4); connection.request('GET', '/v1/health/'); sys.exit(connection.getresponse().status != 200)"]

# It finds the environment made, so it only becomes gunicorn, which migrates. As CMD
# rather than ENTRYPOINT, it gives way to an operator's: `… scripts/lake status`.
CMD ["/srv/chatlake/scripts/serve"]
