"""What lies below LanceDB: objects of a bucket (``object_store``), files (``whole_file``), and what both say when
they fail (``outages``)."""
