"""The web server around the page: routes, cookies, guards. The only room that imports fastapi."""
