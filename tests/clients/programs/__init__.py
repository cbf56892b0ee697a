"""One program a client: the calls that an application makes with it. Run in the environment of the client."""
