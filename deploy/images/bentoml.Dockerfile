# BentoML with our models as a service: loads in, loads out.
#
#   docker build -f deploy/images/bentoml.Dockerfile -t wattgate-bentoml .
#
# To compare with (docs/decisions/0016-engines.md). It authenticates nobody.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS built
COPY requirements/bentoml.txt /requirements.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --disable-pip-version-check --no-cache-dir \
        --only-binary :all: --no-deps --require-hashes --requirement /requirements.txt
COPY pipelines /app/pipelines
COPY services/__init__.py /app/services/
COPY services/bento /app/services/bento
COPY services/core /app/services/core
COPY services/serving /app/services/serving
COPY wattgate /app/wattgate
COPY models /models
RUN python -m compileall -q /app && chmod -R a+rX,go-w /app /models

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="BentoML with Wattgate's models" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 wattgate \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin wattgate
COPY --from=built /opt/venv /opt/venv
COPY --from=built /app /app
COPY --from=built /models /models
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    TF_CPP_MIN_LOG_LEVEL=2 \
    BENTO_MODELS=/models \
    BENTOML_DO_NOT_TRACK=1 \
    BENTOML_HOME=/tmp/bentoml
WORKDIR /app
USER 10001:10001
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=4s --start-period=180s --retries=3 CMD ["python", "-c", \
    "from urllib.request import urlopen; urlopen('http://localhost:3000/readyz', timeout=3)"]
ENTRYPOINT ["bentoml", "serve", "services.bento.service:Forecasts", "--host", "0.0.0.0", "--port", "3000"]
