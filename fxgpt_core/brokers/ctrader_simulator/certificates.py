"""Throw-away certificates: an authority that signs one server on loopback, so that a client can verify it in earnest."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=7)
NAME = "fxgpt simulator"


@dataclass(frozen=True)
class Certificates:
    """PEM files: `authority` is what a client must trust, `chain` and `key` are the server's own."""

    authority: Path
    chain: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """TLS of the server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.chain, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """TLS of a client that trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.authority))


def make_certificates(folder: Path, now: datetime | None = None) -> Certificates:
    """A new authority and a certificate for 127.0.0.1 and localhost, valid from a day before `now` for a week, in `folder`.

    The authority's key is never written: nobody can sign anything else by it. Files of keys are readable by their owner only.
    """
    moment = now or datetime.now(UTC)
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _authority(authority_key, moment)
    server = _server(server_key, authority_key, moment)
    folder.mkdir(parents=True, exist_ok=True)
    found = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    found.authority.write_bytes(authority.public_bytes(Encoding.PEM))
    found.chain.write_bytes(server.public_bytes(Encoding.PEM))
    found.key.touch(mode=0o600)
    found.key.chmod(0o600)
    found.key.write_bytes(server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return found


def _authority(key: ec.EllipticCurvePrivateKey, moment: datetime) -> x509.Certificate:
    return (
        _builder(key.public_key(), f"{NAME} authority", f"{NAME} authority", moment)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(key: ec.EllipticCurvePrivateKey, authority_key: ec.EllipticCurvePrivateKey, moment: datetime) -> x509.Certificate:
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    return (
        _builder(key.public_key(), NAME, f"{NAME} authority", moment)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(public_key: ec.EllipticCurvePublicKey, subject: str, issuer: str, moment: datetime) -> x509.CertificateBuilder:
    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    builder = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named(issuer)).public_key(public_key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(moment - timedelta(days=1)).not_valid_after(moment + VALID)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
