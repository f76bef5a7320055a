"""Programs that the measurements start: the peers' servers, and what runs in their terminals."""
