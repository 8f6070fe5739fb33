"""What is said of several results beside one another, before anybody claims anything."""
