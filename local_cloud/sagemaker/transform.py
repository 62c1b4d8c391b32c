"""Batch transform jobs: a model server is started, every object under the input prefix goes through it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import cycle

from local_cloud.host import ObjectStore
from local_cloud.sagemaker.archives import unpack
from local_cloud.sagemaker.batches import Batching
from local_cloud.sagemaker.cluster import Cluster
from local_cloud.sagemaker.errors import JobFailedError
from local_cloud.sagemaker.job import Job
from local_cloud.sagemaker.joining import Joining
from local_cloud.sagemaker.launcher import Launcher
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.serving import HOST_VARIABLE, LOOPBACK, PORT_VARIABLE, ModelServer, free_port
from local_cloud.sagemaker.staging import Staging, bucket_and_key
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import Json

_FINAL_GRACE = 10.0  # seconds a server has to end once its work is done
_STRATEGIES = {"MULTI_RECORD": "MultiRecord", "SINGLE_RECORD": "SingleRecord"}


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What a transform needs of a model; `role` is its container's (empty when isolated), `owner` fetches for it."""

    data_url: str | None
    command: tuple[str, ...]
    environment: Mapping[str, str]
    role: str
    owner: str
    image: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """Limits in force: those of the request, else of the server, else the service's defaults."""

    batching: Batching
    joining: Joining | None
    concurrency: int
    timeout: float
    retries: int


class TransformRunner:
    """Runs the container contract of a batch transform; `model` finds a model by name."""

    def __init__(
        self, launcher: Launcher, staging: Staging, options: Options, *, model: Callable[[str], ServedModel]
    ) -> None:
        self._launcher = launcher
        self._staging = staging
        self._options = options
        self._model = model

    def __call__(self, job: Job, workspace: Workspace) -> None:
        """Run the job; raises `JobFailedError` when a server or an object fails, `JobStoppedError` when stopped."""
        request = job.describe()
        model = self._model(request["ModelName"])
        staging = self._staging.of(model.owner)
        self._launcher.pull(model.owner, model.image)
        hosts = Cluster.create(workspace, request["TransformResources"]).workspaces
        for host in hosts:
            host.make("/opt/ml/model")
            if model.data_url:
                _unpack(model.data_url, host, staging)
        job.check_stop()
        servers: list[ModelServer] = []
        try:
            for host in hosts:
                servers.append(self._start(job, host, request, model))
            self._serve(job, servers, staging)
        finally:
            for server in servers:
                server.container.stop(_FINAL_GRACE)
            for server in servers:
                server.container.wait()

    def _start(self, job: Job, workspace: Workspace, request: Json, model: ServedModel) -> ModelServer:
        port = free_port()
        env = {**_service_environment(request, port), **model.environment, **request.get("Environment", {})}
        if model.role:
            env = {**self._launcher.access(model.role, job.name), **env}
        return ModelServer(self._launcher.start(job, workspace, model.command, env), port)

    def _serve(self, job: Job, servers: Sequence[ModelServer], staging: Staging) -> None:
        try:
            for server in servers:
                server.wait_until_ready(self._options.ping_timeout)
            self._transform_all(job, servers, staging)
        except JobFailedError:
            job.check_stop()  # a server that was told to stop fails its requests: that is no failure of theirs
            raise

    def _transform_all(self, job: Job, servers: Sequence[ModelServer], staging: Staging) -> None:
        """Send every object to a server, in turn; one that fails leaves no output, the job fails in the end."""
        request = job.describe()
        plan = _plan(request, servers[0].execution_parameters())
        found = staging.found(request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])
        tries: list[Future[None]] = []
        with ExitStack() as stack:
            sendings = []
            for server in servers:
                pool = stack.enter_context(ThreadPoolExecutor(plan.concurrency, thread_name_prefix="transform"))
                sendings.append((pool, _Sending(job, server, plan, request, staging.objects)))
            for (path, stored), (pool, sending) in zip(found, cycle(sendings), strict=False):
                tries.append(pool.submit(sending.send, path, stored.key))
        job.check_stop()
        for done in tries:
            done.result()


@dataclass(frozen=True, slots=True)
class _Sending:
    """Everything one object needs on its way through the server and back to S3."""

    job: Job
    server: ModelServer
    plan: _Plan
    request: Json
    objects: ObjectStore

    def send(self, path: str, key: str) -> None:
        """Transform the object `key`; its answer becomes `<path>.out` under the output path."""
        self.job.check_stop()
        output = self._transformed(path, self._read(key))
        bucket, prefix = bucket_and_key(self.request["TransformOutput"]["S3OutputPath"])
        target = "/".join(part for part in (prefix.rstrip("/"), f"{path}.out") if part)
        self.objects.write(bucket, target, output)

    def _transformed(self, path: str, body: bytes) -> bytes:
        batching, joining = self.plan.batching, self.plan.joining
        if joining is not None:
            return joining.transform(path, body, batching, partial(self._invoke, path))
        return batching.assemble([self._invoke(path, payload) for payload in batching.payloads(path, body)])

    def _invoke(self, path: str, payload: bytes) -> bytes:
        try:
            return self.server.invoke(
                payload, _headers(self.request), timeout=self.plan.timeout, retries=self.plan.retries
            )
        except JobFailedError as problem:
            raise JobFailedError(f"{problem} (object {path})") from problem

    def _read(self, key: str) -> bytes:
        source = self.request["TransformInput"]
        bucket, _ = bucket_and_key(source["DataSource"]["S3DataSource"]["S3Uri"])
        body = self.objects.read(bucket, key)
        return gzip.decompress(body) if source.get("CompressionType") == "Gzip" else body


def _unpack(url: str, workspace: Workspace, staging: Staging) -> None:
    archive = workspace.folder / "model.tar.gz"
    staging.objects.download(*bucket_and_key(url), archive)
    unpack(archive, workspace.local("/opt/ml/model"))
    archive.unlink()


def _plan(request: Json, server: Json) -> _Plan:
    client = request.get("ModelClientConfig", {})
    asked = {"MaxPayloadInMB": 6, "MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", **server, **request}
    strategy = _STRATEGIES.get(asked["BatchStrategy"], asked["BatchStrategy"])
    return _Plan(
        batching=Batching.of(request, int(asked["MaxPayloadInMB"]), strategy),
        joining=Joining.of(request),
        concurrency=max(1, int(asked["MaxConcurrentTransforms"])),
        timeout=client.get("InvocationsTimeoutInSeconds", 600),
        retries=client.get("InvocationsMaxRetries", 3),
    )


def _headers(request: Json) -> dict[str, str]:
    headers = {
        "Content-Type": request["TransformInput"].get("ContentType"),
        "Accept": request["TransformOutput"].get("Accept"),
    }
    return {key: value for key, value in headers.items() if value}


def _service_environment(request: Json, port: int) -> dict[str, str]:
    asked = {
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": request.get("MaxPayloadInMB"),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": request.get("MaxConcurrentTransforms"),
        "SAGEMAKER_BATCH_STRATEGY": {v: k for k, v in _STRATEGIES.items()}.get(request.get("BatchStrategy", "")),
    }
    given = {key: str(value) for key, value in asked.items() if value is not None}
    return {"SAGEMAKER_BATCH": "true", HOST_VARIABLE: LOOPBACK, PORT_VARIABLE: str(port), **given}
