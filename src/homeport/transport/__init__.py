"""The HTTP client to upstreams and engines. Everything above sees the Protocols of `http`."""
