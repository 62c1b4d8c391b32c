# The one image of all jobs: processing steps, training (`train`) and batch transform (`serve`).
#
#   docker build --build-arg PYTHON=public.ecr.aws/docker/library/python@sha256:... -t rightpack-jobs .
#
# The same sources, base digest and requirements (hashes of every package) give the same packages and code; a compiler and
# libgomp are Debian's of that day. The delivery workflow names the base by digest, and what it pushed by its digest.
# People without Docker deploy an image that is there: `cdk deploy rightpack-dev-pipelines --parameters Image=URI`.
ARG PYTHON=public.ecr.aws/docker/library/python:3.11-slim-bookworm

FROM ${PYTHON} AS build
# The compiler of the scoring engine's kernel (hatch_build.py); it stays in this stage.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/build.txt /requirements.txt
RUN pip install --no-deps --require-hashes --only-binary=:all: -r /requirements.txt
WORKDIR /source
COPY pyproject.toml README.md hatch_build.py ./
COPY config ./config
COPY rightpack ./rightpack
COPY processing ./processing
COPY local_cloud ./local_cloud
# SOURCE_DATE_EPOCH: the wheel's entries have one time, so the same sources give the same bytes.
RUN SOURCE_DATE_EPOCH=315532800 pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheels . \
    && python -m zipfile --list /wheels/*.whl | grep --quiet scoring/_kernel.so # what cannot be compiled is left out

FROM ${PYTHON}
# libgomp: LightGBM computes with it.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/jobs.txt /requirements.txt
RUN pip install --no-deps --require-hashes --only-binary=:all: -r /requirements.txt
COPY --from=build /wheels /wheels
RUN pip install --no-deps --no-index /wheels/*.whl && rm -rf /wheels /requirements.txt
# SageMaker mounts /opt/ml as root and writable by root alone for training and processing, so those jobs must be root;
# it gives the container no other privilege. Whoever serves elsewhere runs `docker run --user rightpack ... serve`.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin rightpack
# No ENTRYPOINT: SageMaker calls `train` and `serve` by name and steps by ContainerEntrypoint, and no init process
# stands between, so that SIGTERM reaches ours.
CMD ["python", "-c", "print('train, serve, or python -m processing.<step>')"]
