# The gateway: both edges, on Python alone.
#
#   docker build -f deploy/images/gateway.Dockerfile -t wattgate-gateway .
#
# It is told everything by the GATEWAY_* variables of services/gateway/settings.py; secrets are files that these name.
# Where packages do not come from PyPI, its settings are a secret of the build, in no layer: --secret id=pip,src=pip.conf
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS built
# hadolint ignore=DL3008
RUN apt-get -qq update && apt-get -qq install --yes --no-install-recommends binutils
COPY requirements/gateway.txt /requirements.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --disable-pip-version-check --no-cache-dir --no-compile \
        --only-binary :all: --no-deps --require-hashes --requirement /requirements.txt
# A third of it is never read: packages' tests, sources of what is compiled, types, and the symbols of libraries.
RUN find /opt/venv -type d -name tests -prune -exec rm -r {} + \
    && find /opt/venv -type f -regex '.*\.\(a\|c\|h\|pxd\|pyi\|pyx\)' -delete \
    && find /opt/venv -name '*.so' -exec strip --strip-unneeded {} +
COPY pipelines /app/pipelines
COPY services/__init__.py /app/services/
COPY services/core /app/services/core
COPY services/gateway /app/services/gateway
COPY services/local /app/services/local
COPY wattgate /app/wattgate
ENV PATH=/opt/venv/bin:${PATH} PYTHONPATH=/app
# Nothing can be compiled later, as the root is read-only: what is imported is now, and nothing else.
# Modes are those of whoever's files these were.
RUN python -c "from services.gateway import __main__, probe, process, workers" \
    && python -c "import services.local.containers, wattgate.cli.clients, wattgate.cli.users" \
    && chmod -R a+rX,go-w /app

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Wattgate gateway" org.opencontainers.image.licenses="Apache-2.0"
# A volume that is mounted on this folder for the first time gets its owner.
RUN groupadd --gid 10001 wattgate \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin wattgate \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/wattgate
COPY --from=built /opt/venv /opt/venv
COPY --from=built /app /app
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    GATEWAY_BIND_ADDRESS=0.0.0.0
WORKDIR /app
USER 10001:10001
EXPOSE 8443 8444
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 CMD ["python", "-m", "services.gateway.probe"]
ENTRYPOINT ["python", "-m", "services.gateway"]
