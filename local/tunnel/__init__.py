"""AWS's own host names, reached without DNS: a proxy on loopback that leads them to the stand-ins and nowhere else."""
