"""What can be trained on, one file a family. Definitions are light; preparing happens in its own process."""
