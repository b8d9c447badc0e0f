"""The one pass over many photographs at once, on more than one process or machine."""
