import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Another system, on a port of this machine, that keeps what it is told.

    ``answers`` are given one after the other, ``(status, headers, text)`` each; then
    all is well.
    """

    def __init__(self):
        self.calls = []
        self.methods = []
        self.answers = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self):
                receiver.methods.append(self.command)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls.append((dict(self.headers), body))
                status, headers, text = (
                    receiver.answers.pop(0) if receiver.answers else (200, {}, "thanks")
                )
                text = text.encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = _answer

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    @property
    def keys(self):
        return [headers["webhook-id"] for headers, _body in self.calls]

    @property
    def messages(self):
        return [json.loads(body) for _headers, body in self.calls]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
