# The embedded model server with our models: TensorFlow Serving's protocol and flags, in Python.
#
#   docker build -f deploy/images/model-server.Dockerfile -t wattgate-model-server .
#
# Like the stock server it authenticates nobody: never publish its port. Arguments of `docker run` are further flags.
# Where packages do not come from PyPI: --secret id=pip,src=pip.conf
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS built
COPY requirements/serving.txt /requirements.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --disable-pip-version-check --no-cache-dir --no-compile \
        --only-binary :all: --no-deps --require-hashes --requirement /requirements.txt
# Never read: packages' tests, TensorFlow's headers and other sources of what is compiled.
RUN find /opt/venv -type d -name tests -prune -exec rm -r {} + \
    && find /opt/venv -type f -regex '.*\.\(a\|c\|cc\|h\|hpp\|inc\|pxd\|pyi\|pyx\)' -delete
COPY pipelines /app/pipelines
COPY services/__init__.py /app/services/
COPY services/core /app/services/core
COPY services/serving /app/services/serving
COPY models /models
ENV PATH=/opt/venv/bin:${PATH} PYTHONPATH=/app
# Nothing can be compiled later, as the root is read-only: what is imported is now, and nothing else.
# Modes are those of whoever's files these were.
RUN mv /app/services/serving/config /config \
    && python -c "from services.serving import __main__, probe, server" \
    && chmod -R a+rX,go-w /app /config /models

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Wattgate model server" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 wattgate \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin wattgate
COPY --from=built /opt/venv /opt/venv
COPY --from=built /app /app
COPY --from=built /config /config
COPY --from=built /models /models
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    MODEL_SERVER_LOG_FORMAT=json
WORKDIR /app
USER 10001:10001
EXPOSE 8500
HEALTHCHECK --interval=5s --timeout=4s --start-period=120s --retries=3 CMD ["python", "-m", "services.serving.probe"]
ENTRYPOINT ["/bin/sh", "-c", "exec python -m services.serving $(cat /config/server.flags) \"$@\"", "--"]
