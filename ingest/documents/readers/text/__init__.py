"""Text: plain, delimited, JSON, notebooks, RTF; encodings and hidden characters."""
