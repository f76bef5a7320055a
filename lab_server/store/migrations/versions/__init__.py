"""One file a revision, named by its number; `down_revision` is the one before."""
