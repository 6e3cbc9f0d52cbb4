# Triton with our models in its Python backend: the server that is in a wheel, on the same Python as ours.
#
#   docker build -f deploy/images/triton.Dockerfile -t wattgate-triton .
#
# To compare with (docs/decisions/0016-engines.md); x86-64 alone. It authenticates nobody.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Triton with Wattgate's models" org.opencontainers.image.licenses="Apache-2.0"
COPY requirements/triton.txt /requirements.txt
# Not into an environment of its own: the Python that Triton starts for a model looks at the first one alone.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip install --disable-pip-version-check --no-cache-dir --root-user-action ignore \
        --only-binary :all: --no-deps --require-hashes --requirement /requirements.txt
COPY pipelines /app/pipelines
COPY services/__init__.py /app/services/
COPY services/core /app/services/core
COPY services/serving /app/services/serving
COPY services/triton /app/services/triton
COPY wattgate /app/wattgate
COPY models /models
WORKDIR /app
# Server and backend are where the wheel put them, the latter in the build for this Python.
RUN site=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
    && version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])') \
    && server=$site/pytriton/tritonserver \
    && echo /app > "$site/wattgate.pth" \
    && mkdir -p /triton/backends/python \
    && cp -r "$server"/backends/python/* "$server/python_backend_stubs/$version/triton_python_backend_stub" \
        /triton/backends/python/ \
    && chmod 755 "$server/bin/tritonserver" /triton/backends/python/triton_python_backend_stub \
    && ln -s "$server/bin/tritonserver" /triton/tritonserver \
    && ln -s "$site/nvidia_pytriton.libs" /triton/lib \
    && python -m services.triton.repository /models /triton/models \
    && python -m compileall -q /app \
    && chmod -R a+rX,go-w /app /triton
ENV LD_LIBRARY_PATH=/triton/lib PYTHONDONTWRITEBYTECODE=1 TF_CPP_MIN_LOG_LEVEL=2
USER 10001:10001
EXPOSE 8001
HEALTHCHECK --interval=5s --timeout=4s --start-period=180s --retries=3 CMD ["python", "-m", "services.triton.probe"]
ENTRYPOINT ["/triton/tritonserver", "--model-repository=/triton/models", "--backend-directory=/triton/backends", \
    "--grpc-port=8001", "--allow-http=false", "--allow-metrics=false", "--log-info=false"]
