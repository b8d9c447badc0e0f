"""What ``augment`` trains and judges."""
