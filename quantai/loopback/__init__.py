"""A venue on this machine: a matching engine that speaks the protocols of real ones, with faults on command."""
