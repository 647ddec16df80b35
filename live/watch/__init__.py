"""The web page and the terminal view of a live session; both read published snapshots only."""
