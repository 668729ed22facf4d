"""The text of an answer in Markdown: read, split into messages, its tables made to fit."""
