"""What an operator does the day after: back up and restore, see whether everything agrees, go back to a tag.

``backup`` writes and reads the file of a backup, ``check`` compares record, documents, index, queues and money;
``commands`` has the commands' options and prints what they did.
"""
