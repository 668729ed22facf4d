"""What people look after: owners hear what is said of documents, authors whether their answers still hold."""
