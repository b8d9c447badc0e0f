"""Many pictures: folders, processes, the manifest of what is done."""
