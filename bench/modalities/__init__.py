"""What the streaming loop has to know of a kind of signal, a file each."""
