"""SMTP server of ./config/run: keeps what the demo sends as files, sends nothing on.

Usage: ``mail_sink.py FOLDER PORT_FILE``. Writes the port it listens on (127.0.0.1, any
free one) into PORT_FILE, and each mail into FOLDER as ``<time>-<recipient>.eml``.
"""

import asyncio
import re
import signal
import sys
from datetime import datetime, timezone
from pathlib import Path

from aiosmtpd.smtp import SMTP


class Keep:
    def __init__(self, folder):
        self.folder = folder

    async def handle_DATA(self, server, session, envelope):
        now = datetime.now(timezone.utc)
        recipient = re.sub(r"[^\w.@+-]", "_", envelope.rcpt_tos[0])[:80]
        name = f"{now:%Y%m%d-%H%M%S-%f}-{recipient}.eml"
        (self.folder / name).write_bytes(envelope.content)
        return "250 kept"


async def main(folder, port_file):
    folder.mkdir(parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    handler = Keep(folder)
    server = await loop.create_server(
        lambda: SMTP(handler, data_size_limit=50 * 1024 * 1024), "127.0.0.1", 0
    )
    port_file.write_text(str(server.sockets[0].getsockname()[1]), encoding="ascii")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
