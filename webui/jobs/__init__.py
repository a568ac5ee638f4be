"""Jobs, pictures and history. `service` is the one door that the page and the API knock at."""
