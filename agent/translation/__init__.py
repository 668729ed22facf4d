"""Our own sentences in the language of whoever reads them: `speech` says them, `catalogues` has the words."""
