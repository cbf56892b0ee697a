"""Every command. They import what they need, which is nearly all there is."""

from homeport.cli.loading import program_of

app = program_of("")
