"""multipart/form-data as a client writes it."""

BOUNDARY = "a-boundary"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    disposition = f'form-data; name="{name}"' + ("" if filename is None else f'; filename="{filename}"')
    return f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + value + b"\r\n"


def form(data: bytes, *, filename: str = "in.jsonl", **fields: str) -> bytes:
    """An upload of `data`, with purpose=batch unless `fields` says otherwise."""
    parts = [part(name, value.encode()) for name, value in {"purpose": "batch", **fields}.items()]
    return b"".join([*parts, part("file", data, filename), f"--{BOUNDARY}--\r\n".encode()])
