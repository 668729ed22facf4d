"""The HTTP and WebSocket server: Web API, control surface and page."""
