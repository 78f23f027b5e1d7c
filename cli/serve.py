"""`kobosift serve`: the gateway, for other programs."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Annotated

import typer

from cli.output import say, warn

PORT = 8080


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = PORT,
) -> None:
    """Serve the gateway: webhooks in, and every /si route behind a token."""
    from cli.session import begin
    from gateway.app import build_app
    from gateway.server import Server

    session = begin()
    settings = session.settings
    server = Server(build_app(settings, session.warehouse, session.clock), host, port)
    say(f"kobosift serves {server.url}, home {settings.kobosift_home}, routes at {server.url}/openapi.json.")
    if settings.mono_verify_signature and not settings.webhook_secrets:
        warn("kobosift: MONO_WEBHOOK_SECRET is not set, so every webhook is refused: set it as in Mono's dashboard.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        server.run()
    say("Stopped.")
