"""What goes where, and in whose colours: styles and blends, masks, labels, regions, colour preservation."""
