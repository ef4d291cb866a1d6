"""The service: one Starlette application, on one port, with every door that speaks HTTP."""
