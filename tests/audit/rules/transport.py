import ssl

import grpc
import grpc.aio
import httpx


def ask(url, context, trust):
    # ruleid: certificates-are-verified
    httpx.get(url, verify=False)
    # ruleid: certificates-are-verified
    context.check_hostname = False
    # ruleid: certificates-are-verified
    context.verify_mode = ssl.CERT_NONE
    # ok: certificates-are-verified
    httpx.get(url, verify=trust)
    # ok: certificates-are-verified
    context.check_hostname = True


def connect(target, trust, server):
    # ruleid: plaintext-grpc-only-between-the-services
    grpc.insecure_channel(target)
    # ruleid: plaintext-grpc-only-between-the-services
    grpc.aio.insecure_channel(target)
    # ruleid: plaintext-grpc-only-between-the-services
    server.add_insecure_port(target)
    # ok: plaintext-grpc-only-between-the-services
    grpc.aio.secure_channel(target, trust)
    # ok: plaintext-grpc-only-between-the-services
    server.add_secure_port(target, trust)


def context():
    # ruleid: tls-has-a-floor
    made = ssl.SSLContext(ssl.PROTOCOL_TLSv1_2)
    # ruleid: tls-has-a-floor
    made.minimum_version = ssl.TLSVersion.TLSv1_1
    # ok: tls-has-a-floor
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # ok: tls-has-a-floor
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
