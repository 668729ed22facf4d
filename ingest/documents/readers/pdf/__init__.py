"""PDF: lines, layout and tables of a page."""
