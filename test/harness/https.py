# SPDX-License-Identifier: Apache-2.0
"""A web server of the tests' own that says how mail is to be secured, and an authority of their own that signs for it."""
import contextlib
import pathlib
import socket
import ssl
import subprocess
import tempfile
import shutil
import threading
import time


class Authority:
    """Signs certificates; its own, in PEM, is at .certificate."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="siegel-ca-"))
        self.certificate, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key,
                 "-out", self.certificate, "-days", "30", "-subj", "/CN=Test authority")

    def run(self, *words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)

    def sign(self, *names, days=30):
        """A file with a key and a certificate for these names."""
        path, request = self.folder / f"{names[0]}.pem", self.folder / "request"
        extensions = self.folder / "extensions"
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        self.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path, "-out", request,
                 "-subj", f"/CN={names[0]}")
        signed = self.folder / "signed"
        self.run("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-out", signed,
                 "-days", str(days), "-extfile", extensions)
        path.write_text(path.read_text() + signed.read_text())
        return path

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Web:
    """with Web(certificate) as web: answers every request on web.port with the bytes web.answer; web.requests are what was
    asked. For single hosts web.answers and web.certificates say something else: of a host without an answer the connection
    is closed at once. Of a host in web.gates (threading.Event) the answer waits until that is set."""

    def __init__(self, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.context.sni_callback = self.choose
        self.answer, self.requests, self.slow = b"", [], 0.0
        self.answers, self.certificates, self.gates = {}, {}, {}

    def choose(self, stream, host, _):
        if host in self.certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificates[host])  # before it becomes the stream's, which copies what is there then
            stream.context = context

    def policy(self, mode="enforce", patterns=("mx1.secure.test",), max_age=86400, kind="text/plain", host=None):
        """Answers with a policy from now on; with a host only those who ask for that."""
        text = f"version: STSv1\r\nmode: {mode}\r\nmax_age: {max_age}\r\n" + "".join(f"mx: {p}\r\n" for p in patterns)
        answer = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
        if host is None:
            self.answer = answer
        else:
            self.answers[host] = answer

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, kind, value, trace):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve_connection, args=(connection,), daemon=True).start()

    def serve_connection(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(20)
            with self.context.wrap_socket(connection, server_side=True) as stream:
                request = b""
                while b"\r\n\r\n" not in request and (more := stream.recv(4096)):
                    request += more
                self.requests.append(request.decode("latin-1"))
                host = request.decode("latin-1").partition("\r\nHost: ")[2].partition("\r\n")[0]
                answer = self.answers.get(host, self.answer)
                if host in self.gates:
                    self.gates[host].wait(60)
                for at in range(0, len(answer), 1 if self.slow else 65536):
                    stream.sendall(answer[at:at + (1 if self.slow else 65536)])
                    time.sleep(self.slow)
