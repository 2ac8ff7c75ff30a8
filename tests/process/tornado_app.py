"""A Tornado application, as a process: python -m tests.process.tornado_app PORT."""

from __future__ import annotations

import asyncio
import hashlib
import sys

import tornado.httpserver
import tornado.web
import tornado.websocket


class Told(tornado.web.RequestHandler):
    def get(self, path: str) -> None:
        self.set_cookie("seen", path)
        self.write({"path": path, "host": self.request.host, "address": self.request.remote_ip})

    def post(self, path: str) -> None:
        self.set_status(201)
        self.write(self.get_body_argument("name").upper())


@tornado.web.stream_request_body
class Upload(tornado.web.RequestHandler):
    """Digests a body as it comes."""

    def prepare(self) -> None:
        self.digest = hashlib.sha256()

    def data_received(self, chunk: bytes) -> None:
        self.digest.update(chunk)

    def put(self) -> None:
        self.write(self.digest.hexdigest())


class Stream(tornado.web.RequestHandler):
    """Chunked, block by block."""

    async def get(self) -> None:
        for number in range(20):
            self.write(f"{number}\n" * 1000)
            await self.flush()
            await asyncio.sleep(0)


class Echo(tornado.websocket.WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))


async def main() -> None:
    application = tornado.web.Application(
        [("/told/(.*)", Told), ("/upload", Upload), ("/stream", Stream), ("/echo", Echo)],
        websocket_max_message_size=16 << 20,
    )
    server = tornado.httpserver.HTTPServer(application, xheaders=True, max_body_size=64 << 20)
    server.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
