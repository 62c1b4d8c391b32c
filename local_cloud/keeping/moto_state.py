"""What moto keeps: its backends' attributes, and how the few things in them are written that pickle cannot take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from weakref import WeakValueDictionary

from local_cloud import backends
from local_cloud.keeping.reading import reading
from local_cloud.keeping.stored import NAME, ObjectFiles

Place = tuple[str, str, str, str]  # module, name of the backends in it, account, region
Reducers = Mapping[type, Callable[[Any], tuple[Any, ...]]]
_FORGOTTEN = frozenset({"sts"})  # sessions end with the processes that had them


def collect() -> dict[Place, dict[str, Any]]:
    """Attributes of every backend in use."""
    return {_place(backend): backend.__dict__ for backend in _backends()}


def put_back(found: Mapping[Place, dict[str, Any]]) -> None:
    """Give the backends their attributes."""
    for place, attributes in found.items():
        backend = _backend(*place)
        backend.__dict__.clear()
        backend.__dict__.update(attributes)


def object_keys() -> Iterator[Any]:
    """All versions of all objects."""
    from moto.s3.models import FakeKey

    for bucket in list(backends.s3().buckets.values()):
        for versions in dict(bucket.keys).values():
            yield from (key for key in list(versions) if isinstance(key, FakeKey))


def release_messages() -> None:
    """Let messages be received again that functions had: they ended before they could delete them."""
    queues = backends.sqs().queues
    for mapping in backends.functions().list_event_source_mappings(None, None):
        queue = queues.get(mapping.event_source_arn.rsplit(":", 1)[-1])
        for message in list(queue.pending_messages) if queue else ():
            message.change_visibility(0)
            queue.pending_messages.discard(message)


def event_sources() -> list[str]:
    """Ids of the event source mappings."""
    return [str(mapping.uuid) for mapping in backends.functions().list_event_source_mappings(None, None)]


def move_functions(moved: Callable[[Any], Any]) -> None:
    """Rewrite the environments of all functions."""
    for function in backends.functions().list_functions():
        function.environment_vars = moved(function.environment_vars)


def reducers(files: ObjectFiles) -> Reducers:
    """How to write what pickle does not take, or takes wrongly, by type."""
    from moto.awslambda.models import LambdaFunction
    from moto.kms.utils import RSAPrivateKey
    from moto.s3.models import FakeKey
    from moto.s3.utils import _VersionedKeyStore

    codes: dict[str, bytes] = {}

    def function(found: Any) -> tuple[Any, ...]:
        """Functions with the same code share it."""
        code = codes.setdefault(found.code_sha_256, found.code_bytes)
        return _new, (LambdaFunction,), {**found.__dict__, "code_bytes": code}

    def key(found: Any) -> tuple[Any, ...]:
        state = {name: value for name, value in found.__dict__.items() if name not in ("_value_buffer", "lock")}
        return _new, (FakeKey,), (files.keep(found), state), None, None, _fill_key

    return {
        LambdaFunction: function,
        FakeKey: key,
        RSAPrivateKey: lambda found: (_rsa_key, (_private_bytes(found.private_key),)),
        _VersionedKeyStore: lambda found: (_new, (_VersionedKeyStore,), dict(found), None, None, dict.update),
        WeakValueDictionary: lambda found: (WeakValueDictionary, (dict(found),)),
    }


def backend_reference(found: Any) -> tuple[Any, ...] | None:
    """A backend that something refers to: it is looked up, its attributes are written by `collect`."""
    from moto.core.base_backend import BaseBackend

    return (_backend, _place(found)) if isinstance(found, BaseBackend) else None


def _backends() -> Iterator[Any]:
    from moto.core.base_backend import BackendDict

    for group in list(BackendDict._instances):  # noqa: SLF001 - checked by a test that restores everything
        if group.service_name not in _FORGOTTEN:
            yield from (backend for _, _, backend in list(group.iter_backends()))


def _place(backend: Any) -> Place:
    module = type(backend).__module__
    name = next(name for name, value in vars(sys.modules[module]).items() if _holds(value, backend))
    return module, name, backend.account_id, backend.region_name


def _holds(value: Any, backend: Any) -> bool:
    from moto.core.base_backend import BackendDict

    return isinstance(value, BackendDict) and value.backend is type(backend)


def _backend(module: str, name: str, account: str, region: str) -> Any:
    return getattr(__import__(module, fromlist=["_"]), name)[account][region]


def _new(kind: Any) -> Any:
    return kind.__new__(kind)


def _fill_key(key: Any, kept: tuple[str, dict[str, Any]]) -> None:
    import threading

    name, state = kept
    key.__dict__.update(state, **{NAME: name})
    key.lock = threading.Lock()
    key._value_buffer = reading().bytes_of(name, key)  # noqa: SLF001 - the buffer is what takes the file's place


def _private_bytes(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    return bytes(key.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption()))


def _rsa_key(text: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key
    from moto.kms.utils import RSAPrivateKey

    made = _new(RSAPrivateKey)
    made.private_key = load_der_private_key(text, None)
    made.key_size = made.private_key.key_size
    return made
