"""One module per API resource: load from the catalog, let pure code decide, record it in one transaction, act."""
