"""The page without a server: a folder for any web host, or one file, in which the visitor's browser computes."""
