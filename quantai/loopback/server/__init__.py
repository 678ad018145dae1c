"""What every loopback venue needs to be a server: keys, usage limits, faults, sockets. No venue's words here."""
