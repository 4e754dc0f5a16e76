import asyncio
from contextlib import suppress

from .background import Background

HEAD_LIMIT = 64 * 1024


class Proxy:
    """What nginx does in production: websockets go to Odoo's gevent port, the rest to
    its workers. Browsers need it, as workers refuse websockets."""

    def __init__(self):
        self.http_port = self.websocket_port = None
        self._tasks = set()  # the loop itself does not keep them alive
        self._background = Background()
        self._server = self._background.run(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_LIMIT)
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self):
        self._background.loop.call_soon_threadsafe(self._server.close)
        self._background.close()

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await self._forward(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _forward(self, reader, writer):
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head[:-4].split(b"\r\n")
            websocket = first.split(b" ")[1].startswith(b"/websocket")
            if not websocket:
                # one request a connection: the next may be for the other port
                lines = [
                    line
                    for line in lines
                    if not line.lower().startswith(b"connection:")
                ]
                lines.append(b"Connection: close")
            port = self.websocket_port if websocket else self.http_port
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
            up_writer.write(b"\r\n".join([first, *lines]) + b"\r\n\r\n")
            up = asyncio.create_task(self._copy(reader, up_writer))
            try:
                await self._copy(up_reader, writer)
            finally:
                up.cancel()
                up_writer.close()

    async def _copy(self, reader, writer):
        with suppress(OSError):
            while chunk := await reader.read(HEAD_LIMIT):
                writer.write(chunk)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
