"""The machine: files, locations, memory, threads, devices, other machines."""
