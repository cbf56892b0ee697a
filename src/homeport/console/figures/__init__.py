"""What the pages show: pure values from what is stored, without a word of HTML."""
