"""The HTTP surface: raw ASGI, so that nothing stands between a caller and the request path."""
