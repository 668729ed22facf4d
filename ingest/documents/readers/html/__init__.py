"""Markup: HTML, the main text of web pages, Markdown, e-books."""
