"""Layer versions, how they stack in /opt, and every rule about attaching them. Pure: nothing here does I/O."""
