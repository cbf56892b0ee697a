"""The console: what people see of a gateway, and change in it, at /console."""
