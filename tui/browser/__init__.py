"""The app in a browser: a server on this machine, and the app that it starts for each page."""
