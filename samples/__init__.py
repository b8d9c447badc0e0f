"""The sample pictures that ship; ``SOURCES.tsv`` names the origin and licence of each."""
