"""TLS in front of a server, as an Ingress would end it, with certificates that no other program trusts."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Tls:
    """An https URL, and the file with the authority to trust."""

    url: str
    certificate: Path


@contextmanager
def tls(url: str, folder: Path, *, in_form: bool = True) -> Iterator[Tls]:
    """End TLS in front of a server for as long as a block takes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = certify(folder, HOST, in_form=in_form)
    context.load_cert_chain(certificate.chain, certificate.key)
    loop, behind = asyncio.new_event_loop(), urlsplit(url)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(behind.hostname, behind.port)
        await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))

    server = loop.run_until_complete(asyncio.start_server(pass_on, HOST, 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield Tls(f"https://{HOST}:{server.sockets[0].getsockname()[1]}", certificate.authority)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    server.close()
    loop.run_until_complete(server.wait_closed())
    loop.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.CancelledError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass(frozen=True)
class Certificate:
    """A server's certificate and key, and the certificate of the authority that clients are to trust."""

    authority: Path
    chain: Path
    key: Path


Form = Callable[[ec.EllipticCurvePrivateKey, ec.EllipticCurvePrivateKey], Sequence[x509.ExtensionType]]
"""The extensions that any certificate has, of its key and its authority's."""


def certify(folder: Path, *hosts: str, in_form: bool = True) -> Certificate:
    """Make an authority, and have it certify a server by its names, `*.` ones too, or addresses.

    Without `in_form`, certificates lack what RFC 5280 asks for: key identifiers and keyUsage.
    """
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wheelyard's tests")])
    form = _form if in_form else _formless
    ca = _signed(name, authority, name, authority, [x509.BasicConstraints(ca=True, path_length=0)], form)
    names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A server of Wheelyard's tests")])
    leaf = _signed(server, key, name, authority, [names, x509.BasicConstraints(ca=False, path_length=None)], form)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = Certificate(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    made.authority.write_bytes(ca.public_bytes(Encoding.PEM))
    made.chain.write_bytes(leaf.public_bytes(Encoding.PEM))
    made.key.write_bytes(private)
    return made


def certificate_of_an_authority() -> str:
    """Make an authority that is never asked."""
    with TemporaryDirectory() as folder:
        return certify(Path(folder), HOST).authority.read_text()


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _signed(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    extensions: Sequence[x509.ExtensionType],
    form: Form,
) -> x509.Certificate:
    now = datetime.now(UTC)
    is_authority = key is by
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    for each in form(key, by):
        builder = builder.add_extension(each, critical=isinstance(each, x509.KeyUsage))
    for each in extensions:
        builder = builder.add_extension(each, critical=is_authority)
    return builder.sign(by, hashes.SHA256())


def _form(key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey) -> Sequence[x509.ExtensionType]:
    return (
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()),
        _usage(is_authority=key is by),
    )


def _formless(_key: ec.EllipticCurvePrivateKey, _by: ec.EllipticCurvePrivateKey) -> Sequence[x509.ExtensionType]:
    return ()


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    never = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(
        digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority, **never
    )
