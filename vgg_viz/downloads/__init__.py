"""Downloads: files from listed addresses, complete, checked by MD5, and resumed after a failure."""
