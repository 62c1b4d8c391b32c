"""A certificate for 127.0.0.1, made anew for every cloud: drivers that sign in through IAM insist on TLS."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import time
from pathlib import Path

_DAYS = 30


def authority(root: Path) -> Path:
    """The file of the certificate that clients of the cloud with this folder must trust (SSL_CERT_FILE)."""
    return root / "redshift" / "wire" / "ca.pem"


def server_context(root: Path) -> ssl.SSLContext:
    """A context for the server; makes key and certificate if they are not there, or have come of age."""
    trusted = authority(root)
    keyed = trusted.with_name("server.pem")
    if not keyed.exists() or time.time() - keyed.stat().st_mtime > (_DAYS - 1) * 86_400:
        trusted.parent.mkdir(parents=True, exist_ok=True)
        certificate, key = _make()
        trusted.write_bytes(certificate)
        keyed.touch(mode=0o600)
        keyed.write_bytes(key + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keyed)
    return context


def _make() -> tuple[bytes, bytes]:
    """A certificate that vouches for itself, and its key, both as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "local cloud")])
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private
