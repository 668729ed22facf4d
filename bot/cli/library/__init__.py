"""What the commands about documents do and print: syncs, tables, what is forgotten, who may read."""
