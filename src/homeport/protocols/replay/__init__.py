"""An answer that was streamed, told as a whole, and the other way round, in the words of one API each."""
