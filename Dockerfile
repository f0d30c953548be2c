# One image for every node of a cluster, for the jobs beside it and for compose.yaml. It holds no secret and no setting.
#
#   docker build -t customer-success-fte:0.1.0 .
#
# The package index's torch brings CUDA and runs on machines without a GPU too. For an image that is some gigabytes
# smaller and never uses a GPU, name the index that PyTorch's installation page gives for CPUs:
#
#   docker build --build-arg TORCH_INDEX=ADDRESS -t customer-success-fte:0.1.0-cpu .
#
# The base is pinned by version; pin it by digest too where your builds must be repeatable to the byte.
ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv
WORKDIR /app
# The dependencies first, from what names them alone, so that a change of code builds in seconds.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > /tmp/requirements.txt \
    && grep '^torch==' /tmp/requirements.txt > /tmp/torch.txt \
    && if [ -n "$TORCH_INDEX" ]; then pip install --no-deps --index-url "$TORCH_INDEX" --requirement /tmp/torch.txt; fi \
    && pip install --constraint constraints.txt --requirement /tmp/requirements.txt
COPY README.md ./
COPY serve_app serve_app
COPY deployments deployments
COPY agent agent
COPY models models
COPY crm crm
COPY channels channels
COPY knowledge knowledge
# `fte` on the path. The packages stay in /app, beside the knowledge that they look for there; so does what every agent
# would compute at its start, in /app/.fte.
RUN pip install --no-deps --no-build-isolation --editable . \
    && python -m serve_app.warm_up \
    && python -m compileall -q /app

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 fte \
    && useradd --uid 10001 --gid fte --create-home --shell /usr/sbin/nologin fte
# Ray's processes import the application too, and its dashboard runs beside a module that is also called `agent`.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
EXPOSE 8000 8265
# What runs the application answers here; Kubernetes has probes of its own, and jobs end before it is asked.
HEALTHCHECK --interval=10s --timeout=5s --start-period=180s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["fte", "--help"]
