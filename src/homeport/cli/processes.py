"""The commands `gateway` and `jobs` alone, for processes that run for long: without what the others import."""

from homeport.cli import serve
from homeport.cli.program import new_program

app = new_program()
serve.register(app)
