"""A server on which nobody answers."""

import contextlib
import socket
import ssl
import threading
import time
from contextlib import contextmanager


@contextmanager
def silent(certificate, key, *, delay_s=0.0):
    """A server that takes connections, shows its certificate after a delay, and never says anything else."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    tls.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = []

        def take():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                time.sleep(delay_s)
                with contextlib.suppress(OSError):  # callers who trust it not hang up
                    taken.append(tls.wrap_socket(connection, server_side=True))

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"localhost:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in taken:
            connection.close()
