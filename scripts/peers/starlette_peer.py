"""The Starlette peer of scripts/bench: /ws/echo, and a room of /ws/fanout and /sse/fanout."""
import asyncio

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

sockets: set[WebSocket] = set()
readers: set[asyncio.Queue[str]] = set()


async def health(_request):
    return JSONResponse({"status": "healthy"})


async def echo(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


async def fan_out(socket: WebSocket):
    await socket.accept()
    sockets.add(socket)
    try:
        while True:
            await deliver(await socket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        sockets.discard(socket)


async def deliver(text: str):
    event = f"data: {text}\n\n"
    for queue in readers:
        queue.put_nowait(event)
    for socket in list(sockets):
        try:
            await socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError):
            sockets.discard(socket)  # it left while the others were sent to


async def events():
    queue: asyncio.Queue[str] = asyncio.Queue(1024)
    readers.add(queue)
    try:
        while True:
            yield await queue.get()
    finally:
        readers.discard(queue)


async def stream(_request):
    return StreamingResponse(events(), media_type="text/event-stream")


app = Starlette(routes=[
    Route("/health", health), Route("/sse/fanout", stream),
    WebSocketRoute("/ws/echo", echo), WebSocketRoute("/ws/fanout", fan_out),
])
